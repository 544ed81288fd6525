"""A loaded release answers sensibly, before anybody depends on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.release.engines import ModelServer
from include.release.errors import ReleaseError

if TYPE_CHECKING:
    import numpy as np

WARM_UP = 5  # first inferences of a process pay for imports and memory
ROWS = 8
TOLERANCE = 1e-4


def warm_up(triton: ModelServer, project: Project, release_id: str) -> float:
    """Send a few batches and throw the answers away; return the seconds that it took."""
    started = time.perf_counter()
    rows = _rows(project)
    for _ in range(WARM_UP):
        triton.infer(release_id, {"INPUT": rows[:1]})
        triton.infer(release_id, {"INPUT": rows})
    return time.perf_counter() - started


def smoke_test(triton: ModelServer, project: Project, release_id: str) -> dict[str, Any]:
    """Send the lowest, the highest and random content, alone and as a batch, and look at every value that comes back.

    Returns:
        ``{"rows", "ms"}``: rows asked and the milliseconds of a single one.

    Raises:
        ReleaseError: a wrong shape, a value that is no probability, a label that is not the likeliest class, or
            another answer for a row alone than for the same row in a batch.
    """
    import numpy as np

    rows = _rows(project)
    batch = triton.infer(release_id, {"INPUT": rows})
    started = time.perf_counter()
    alone = [triton.infer(release_id, {"INPUT": row[None]}) for row in rows]
    took = (time.perf_counter() - started) / len(rows)
    problems = []
    wanted = {"LABEL": (len(rows), 1), "PROBABILITIES": (len(rows), len(project.classes))}
    for name, shape in wanted.items():
        if name not in batch or batch[name].shape != shape:
            found = batch[name].shape if name in batch else "nothing"
            problems.append(f"{name} of {len(rows)} rows has shape {found}, not {shape}")
    if not problems:
        probabilities, labels = batch["PROBABILITIES"], batch["LABEL"][:, 0]
        if not np.isfinite(probabilities).all() or (probabilities < 0).any():
            problems.append("PROBABILITIES holds values that are no probabilities")
        elif (off := float(np.abs(probabilities.sum(axis=1) - 1).max())) > TOLERANCE:
            problems.append(f"PROBABILITIES of a row add up to 1 only within {off:.3g}, not {TOLERANCE}")
        elif (labels != probabilities.argmax(axis=1)).any():
            problems.append("LABEL is not the class of the largest probability")
        one = np.concatenate([answer["PROBABILITIES"] for answer in alone])
        if one.shape != probabilities.shape or not np.allclose(one, probabilities, atol=TOLERANCE):
            problems.append("a row alone gets another answer than the same row in a batch")
    if problems:
        raise ReleaseError(release_id, [f"smoke test: {problem}" for problem in problems])
    return {"rows": 2 * len(rows), "ms": round(took * 1000, 3)}


def _rows(project: Project) -> np.ndarray:
    import numpy as np

    low, high = project.array.range
    shape = (ROWS, *project.array.shape)
    rows = np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)
    rows[0], rows[1] = low, high
    return rows
