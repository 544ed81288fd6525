"""A loaded release answers sensibly, before anybody depends on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.answers import problem
from include.release.engines import ModelServer
from include.release.errors import ReleaseError
from include.release.samples import made_up

if TYPE_CHECKING:
    import numpy as np

WARM_UP = 5  # first inferences of a process pay for imports and memory
ROWS = 8
TOLERANCE = 1e-4


def warm_up(triton: ModelServer, project: Project, release_id: str) -> float:
    """Send a few batches and throw the answers away; return the seconds that it took."""
    started = time.perf_counter()
    rows = made_up(project, ROWS)
    for _ in range(WARM_UP):
        triton.infer(release_id, {"INPUT": rows[:1]})
        triton.infer(release_id, {"INPUT": rows})
    return time.perf_counter() - started


def smoke_test(triton: ModelServer, project: Project, release_id: str) -> dict[str, Any]:
    """Send the lowest, the highest and other made-up content, alone and as a batch, and look at every value that comes back.

    Returns:
        ``{"rows", "ms"}``: rows asked and the milliseconds of a single one.

    Raises:
        ReleaseError: a wrong shape, a value that is none or no probability, a label that is not the likeliest class, or
            another answer for a row alone than for the same row in a batch.
    """
    import numpy as np

    rows = made_up(project, ROWS)
    batch = triton.infer(release_id, {"INPUT": rows})
    started = time.perf_counter()
    alone = [triton.infer(release_id, {"INPUT": row[None]}) for row in rows]
    took = (time.perf_counter() - started) / len(rows)
    problems = []
    if wrong := problem(batch, project.task, len(rows), len(project.classes)):
        problems.append(wrong)
    else:
        if project.task == "classification":
            problems += _no_probabilities(batch)
        for name, values in batch.items():
            one = np.concatenate([answer[name] for answer in alone])
            allowed = TOLERANCE * max(1.0, float(np.abs(values).max()))
            if values.dtype.kind == "f" and (one.shape != values.shape or not np.allclose(one, values, rtol=0, atol=allowed)):
                problems.append("a row alone gets another answer than the same row in a batch")
    if problems:
        raise ReleaseError(release_id, [f"smoke test: {line}" for line in problems])
    return {"rows": 2 * len(rows), "ms": round(took * 1000, 3)}


def _no_probabilities(batch: dict[str, np.ndarray]) -> list[str]:
    import numpy as np

    probabilities, labels = batch["PROBABILITIES"], batch["LABEL"][:, 0]
    if (probabilities < 0).any():
        return ["PROBABILITIES holds values that are no probabilities"]
    if (off := float(np.abs(probabilities.sum(axis=1) - 1).max())) > TOLERANCE:
        return [f"PROBABILITIES of a row add up to 1 only within {off:.3g}, not {TOLERANCE}"]
    if (labels != probabilities.argmax(axis=1)).any():
        return ["LABEL is not the class of the largest probability"]
    return []
