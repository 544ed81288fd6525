"""Checks that a release answers in production as its model answered in training.

The same rows go through the trained model, the float32 ONNX file, the chosen ONNX file and the package loaded in Triton;
every label and every probability is compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.clients import onnx as onnx_model
from include.clients.triton import TritonClient
from include.projects import Project
from include.projects.answers import trained
from include.release.errors import ReleaseError
from include.release.inference_code import postprocess_of
from include.release.judge import figure_of, judge
from include.release.package import MAX_BATCH
from include.release.samples import tensor
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np

SERVING_TOLERANCE = 1e-5  # the same file in the same runtime; what is left is the order of additions
CALL_ROWS = (1, 7, 32, MAX_BATCH)  # batch sizes that a caller may send; each is used in turn


@dataclass(frozen=True)
class Answers:
    """What one way of running the model said.

    Attributes:
        labels: class indices, clusters or actions (n,); all 0 where the task has none.
        probabilities: (n, classes); the numbers of other tasks (n, k).
    """

    labels: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, outputs: Mapping[str, np.ndarray]) -> Answers:
        """Read the outputs of a postprocess function or of Triton."""
        import numpy as np

        numbers = next(value for value in outputs.values() if value.dtype.kind == "f")
        labels = [value[:, 0] for value in outputs.values() if value.dtype.kind in "iu"]
        return cls(labels[0] if labels else np.zeros(len(numbers), np.int32), numbers)

    def figure(self, task: str, truth: np.ndarray, trained: Answers) -> float:
        """Return how good they are (`include.release.judge`)."""
        if task == "classification":
            return judge(task, {"LABEL": self.labels[:, None]}, truth, {})
        if task == "regression":
            return judge(task, {"VALUE": self.probabilities}, truth, {})
        names = ("labels", "numbers")
        mine, theirs = ((a.labels[:, None], a.probabilities) for a in (self, trained))
        return judge(task, dict(zip(names, mine, strict=True)), truth, dict(zip(names, theirs, strict=True)))


def compare(
    answers: Mapping[str, Answers],
    truth: np.ndarray,
    chosen: str,
    tolerance: float,
    max_accuracy_drop: float,
    task: str = "classification",
) -> dict[str, Any]:
    """Compare the ways of running the model, pair by pair.

    Args:
        answers: of ``trained``, ``fp32``, ``chosen`` and ``triton``, for the same rows.
        truth: class indices or numbers (n,).
        chosen: ``fp32`` or ``int8``.
        tolerance: largest difference of a probability from the trained model to fp32; numbers of other tasks may differ by
            that many times the largest of them, where that is above 1.
        max_accuracy_drop: share of labels that int8 may give otherwise than the trained model; of other tasks, how much of
            their figure it may lose.
        task: of the project.

    Returns:
        ``ok``, ``problems``, ``rows``, ``chosen``, ``accuracy`` (of other tasks `include.release.judge.figure_of`) per
        way, and ``pairs``: for ``trained_fp32``, ``trained_chosen`` and ``chosen_triton`` ``max_abs_diff``,
        ``mean_abs_diff``, ``label_agreement``, ``different_rows`` (the first ten) and the limits that were set.
    """
    import numpy as np

    quantised, classes = chosen != "fp32", task == "classification"
    what = "probabilities" if classes else "numbers"
    scale = 1.0 if classes else max(1.0, float(np.abs(answers["trained"].probabilities).max(initial=0)))
    tolerance = tolerance * scale
    agreement = 1.0 - max_accuracy_drop if quantised else 1.0
    limits: dict[str, tuple[str, str, float | None, float]] = {
        "trained_fp32": ("trained", "fp32", tolerance, 1.0),
        "trained_chosen": ("trained", "chosen", None if quantised else tolerance, agreement),
        "chosen_triton": ("chosen", "triton", SERVING_TOLERANCE * scale, 1.0),
    }
    pairs, problems = {}, []
    for name, (one, other, difference, agree) in limits.items():
        found = _pair(answers[one], answers[other], tolerance if difference is None else difference, classes)
        pairs[name] = {**found, "max_abs_diff_limit": difference, "label_agreement_limit": agree}
        # Written so that a value that is not a number fails as well.
        if difference is not None and not found["max_abs_diff"] <= difference:
            problems.append(f"{one} and {other}: {what} differ by up to {found['max_abs_diff']:.3g}, allowed {difference:g}")
        if found["label_agreement"] < agree:
            problems.append(
                f"{one} and {other}: {found['label_agreement']:.4f} of the labels agree, wanted {agree:g}; "
                f"they differ first in rows {found['different_rows']}"
            )
    figures = {name: a.figure(task, truth, answers["trained"]) for name, a in answers.items()}
    if not classes and not figures["chosen"] >= figures["trained"] - max_accuracy_drop:
        told = f"{figure_of(task)} {figures['trained']:.4f} -> {figures['chosen']:.4f}"
        problems.append(f"trained and chosen: {told}, allowed to lose {max_accuracy_drop:g}")
    return {
        "ok": not problems,
        "problems": problems,
        "rows": len(answers["trained"].labels),
        "chosen": chosen,
        figure_of(task): figures,
        "pairs": pairs,
    }


def triton_answers(client: TritonClient, release_id: str, contents: np.ndarray, timeout: float = 30.0) -> Answers:
    """Send items to a loaded release, in batches of several sizes, and return its answers in order.

    Args:
        client: of the model server.
        release_id: the release.
        contents: as the model server takes them (`include.release.samples.tensor`).
        timeout: seconds for one batch.

    Raises:
        TritonError: the release is not loaded, or failed.
    """
    import numpy as np

    parts: list[Mapping[str, np.ndarray]] = []
    start = turn = 0
    while start < len(contents):
        rows = contents[start : start + CALL_ROWS[turn % len(CALL_ROWS)]]
        parts.append(client.infer(release_id, {"INPUT": rows}, timeout=timeout))
        start, turn = start + len(rows), turn + 1
    return Answers.of({key: np.concatenate([part[key] for part in parts]) for key in sorted(parts[0])})


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
    from include.training import Preparation, load_model, on_cpu

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
    with on_cpu():  # as the ONNX forms that it is compared with
        fitted = load_model(settings, project, model["version"])
    inputs = (fitted.preparation or Preparation(project, None))(contents)
    post = postprocess_of(project)
    answers = {
        "trained": trained_answers(project, fitted.predict(inputs)),
        "fp32": Answers.of(post(onnx_model.run(onnx_model.session(fp32), inputs))),
        "chosen": Answers.of(post(onnx_model.run(onnx_model.session(packaged), inputs))),
    }
    with TritonClient(settings) as triton:
        loaded = triton.ready(release_id)
        try:
            triton.load(release_id)
            answers["triton"] = triton_answers(triton, release_id, tensor(contents, project))
        finally:
            if not loaded:
                triton.unload(release_id)
    allowed = project.release
    report = compare(answers, truth, chosen, allowed.parity_tolerance, allowed.max_accuracy_drop, project.task)
    return conclude(settings, release_run_id, "parity", release_id, report)


def trained_answers(project: Project, outputs: np.ndarray) -> Answers:
    """Return what the trained model says: its shares as they are, outputs of other tasks through postprocessing."""
    return Answers.of(trained(outputs, project.task) or postprocess_of(project)(outputs.reshape(len(outputs), -1)))


def _pair(one: Answers, other: Answers, tolerance: float, classes: bool) -> dict[str, Any]:
    import numpy as np

    if one.probabilities.shape != other.probabilities.shape:
        raise ValueError(f"answers of {one.probabilities.shape} and {other.probabilities.shape} cannot be compared")
    differences = np.abs(one.probabilities.astype(np.float64) - other.probabilities.astype(np.float64))
    differs = one.labels != other.labels
    if differs.any() and (classes or max(one.labels.max(), other.labels.max()) < one.probabilities.shape[1]):
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
