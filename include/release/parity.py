"""Checks that a release answers in production as its model answered in training.

The same rows go through the trained model, the float32 ONNX file, the chosen ONNX file and the package loaded in Triton;
every label and every probability is compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.clients import onnx as onnx_model
from include.clients.triton import TritonClient
from include.projects import Project
from include.release.errors import ReleaseError
from include.release.package import MAX_BATCH
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np

SERVING_TOLERANCE = 1e-5  # the same file in the same runtime; what is left is the order of additions
CALL_ROWS = (1, 7, 32, MAX_BATCH)  # batch sizes that a caller may send; each is used in turn


@dataclass(frozen=True)
class Answers:
    """What one way of running the model said.

    Attributes:
        labels: class indices (n,).
        probabilities: (n, classes).
    """

    labels: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, outputs: Mapping[str, np.ndarray]) -> Answers:
        """Read the outputs of a postprocess function or of Triton."""
        return cls(outputs["LABEL"][:, 0], outputs["PROBABILITIES"])


def compare(
    answers: Mapping[str, Answers], truth: np.ndarray, chosen: str, tolerance: float, max_accuracy_drop: float
) -> dict[str, Any]:
    """Compare the ways of running the model, pair by pair.

    Args:
        answers: of ``trained``, ``fp32``, ``chosen`` and ``triton``, for the same rows.
        truth: class indices (n,).
        chosen: ``fp32`` or ``int8``.
        tolerance: largest difference of a probability from the trained model to fp32.
        max_accuracy_drop: share of labels that int8 may give otherwise than the trained model.

    Returns:
        ``ok``, ``problems``, ``rows``, ``chosen``, ``accuracy`` per way, and ``pairs``: for ``trained_fp32``,
        ``trained_chosen`` and ``chosen_triton`` ``max_abs_diff``, ``mean_abs_diff``, ``label_agreement``,
        ``different_rows`` (the first ten) and the limits that were set.
    """
    quantised = chosen != "fp32"
    agreement = 1.0 - max_accuracy_drop if quantised else 1.0
    limits: dict[str, tuple[str, str, float | None, float]] = {
        "trained_fp32": ("trained", "fp32", tolerance, 1.0),
        "trained_chosen": ("trained", "chosen", None if quantised else tolerance, agreement),
        "chosen_triton": ("chosen", "triton", SERVING_TOLERANCE, 1.0),
    }
    pairs, problems = {}, []
    for name, (one, other, difference, agree) in limits.items():
        found = _pair(answers[one], answers[other], tolerance if difference is None else difference)
        pairs[name] = {**found, "max_abs_diff_limit": difference, "label_agreement_limit": agree}
        # Written so that a value that is not a number fails as well.
        if difference is not None and not found["max_abs_diff"] <= difference:
            problems.append(
                f"{one} and {other}: probabilities differ by up to {found['max_abs_diff']:.3g}, allowed {difference:g}"
            )
        if found["label_agreement"] < agree:
            problems.append(
                f"{one} and {other}: {found['label_agreement']:.4f} of the labels agree, wanted {agree:g}; "
                f"they differ first in rows {found['different_rows']}"
            )
    return {
        "ok": not problems,
        "problems": problems,
        "rows": len(truth),
        "chosen": chosen,
        "accuracy": {name: float((a.labels == truth).mean()) for name, a in answers.items()},
        "pairs": pairs,
    }


def triton_answers(client: TritonClient, release_id: str, contents: np.ndarray, timeout: float = 30.0) -> Answers:
    """Send raw items (n, *shape) to a loaded release, in batches of several sizes, and return its answers in order.

    Raises:
        TritonError: the release is not loaded, or failed.
    """
    import numpy as np

    parts: list[Mapping[str, np.ndarray]] = []
    start = turn = 0
    while start < len(contents):
        rows = np.ascontiguousarray(contents[start : start + CALL_ROWS[turn % len(CALL_ROWS)]], dtype=np.float32)
        parts.append(client.infer(release_id, {"INPUT": rows}, timeout=timeout))
        start, turn = start + len(rows), turn + 1
    return Answers.of({key: np.concatenate([part[key] for part in parts]) for key in ("LABEL", "PROBABILITIES")})


def parity(
    settings: Settings,
    project: Project,
    release_id: str,
    model: Mapping[str, Any],
    release_run_id: str,
    rows: int | None = None,
) -> dict[str, Any]:
    """Run the test part through the trained model, ONNX, the chosen ONNX file and Triton, compare, and store the report.

    The release is loaded in Triton for this, and unloaded again if it was not loaded before.

    Args:
        settings: MLflow, the data repository and Triton.
        project: the project.
        release_id: a packaged release.
        model: of ``include.training.model_info``.
        release_run_id: of `start_release_run`.
        rows: at most this many rows of the test part; all where none is given.

    Returns:
        The report of `compare`.

    Raises:
        ReleaseError: they do not agree, or the package holds another ONNX file than the one that was measured.
        TritonError: the release cannot be loaded.
    """
    from include.clients.mlflow import mlflow_client, mlflow_errors, read_file
    from include.data import load_part
    from include.release.reports import conclude, read_report
    from include.training import Preparation, load_model

    measured = read_report(settings, release_run_id, "optimise")
    if measured is None:
        raise ReleaseError(release_id, ["it has no optimise report: run the optimise task first"])
    chosen = measured["chosen"]
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"read the ONNX files of {release_id}"):
        fp32 = read_file(client, release_run_id, "onnx/model.fp32.onnx")
    package = settings.model_repository / release_id / "1" / "model.onnx"
    packaged = package.read_bytes() if package.is_file() else b""
    if hashlib.sha256(packaged).hexdigest() != measured[chosen]["sha256"]:
        raise ReleaseError(
            release_id, [f"{package} is missing or not the {chosen} file that was measured: build the package first"]
        )
    test = load_part(settings, project, model["data"], "test")
    contents, truth = test.contents[:rows], test.labels[:rows]
    fitted = load_model(settings, project, model["version"])
    inputs = (fitted.preparation or Preparation(project, None))(contents)
    probabilities = fitted.predict(inputs)
    post: Callable[[Any], Mapping[str, Any]] = project.component("postprocess")
    answers = {
        "trained": Answers(probabilities.argmax(axis=1), probabilities),
        "fp32": Answers.of(post(onnx_model.run(onnx_model.session(fp32), inputs))),
        "chosen": Answers.of(post(onnx_model.run(onnx_model.session(packaged), inputs))),
    }
    with TritonClient(settings) as triton:
        loaded = triton.ready(release_id)
        try:
            triton.load(release_id)
            answers["triton"] = triton_answers(triton, release_id, contents)
        finally:
            if not loaded:
                triton.unload(release_id)
    report = compare(answers, truth, chosen, project.release.parity_tolerance, project.release.max_accuracy_drop)
    return conclude(settings, release_run_id, "parity", release_id, report)


def _pair(one: Answers, other: Answers, tolerance: float) -> dict[str, Any]:
    import numpy as np

    if one.probabilities.shape != other.probabilities.shape:
        raise ValueError(f"answers of {one.probabilities.shape} and {other.probabilities.shape} cannot be compared")
    differences = np.abs(one.probabilities.astype(np.float64) - other.probabilities.astype(np.float64))
    differs = one.labels != other.labels
    # Two classes within the tolerance of each other are a tie: either label is right.
    n = np.arange(len(one.labels))
    tie = np.abs(one.probabilities[n, one.labels] - one.probabilities[n, other.labels]) <= tolerance
    differs &= ~tie
    return {
        "max_abs_diff": _finite(differences.max()),
        "mean_abs_diff": _finite(differences.mean()),
        "label_agreement": float(1 - differs.mean()),
        "different_rows": [int(i) for i in np.flatnonzero(differs)[:10]],
    }


def _finite(value: Any) -> float:
    import math

    return float(value) if math.isfinite(value) else 1e9  # JSON has no infinity
