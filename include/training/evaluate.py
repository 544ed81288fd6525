"""Evaluation of a trained model on the test part, beside a simple model trained on the same rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import log_file, log_metrics, log_params, mlflow_client, mlflow_errors
from include.projects import Project
from include.settings import Settings
from include.training import parts as data
from include.training import plots
from include.training.learners import Fitted, predict
from include.training.models import load_run
from include.training.parts import Arrays
from include.training.scores import macro_f1

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient

BINS = 10
SKETCH = "reference_sketch.json"


def evaluate(settings: Settings, project: Project, split: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """Measure a trained model on the test part and log metrics, plots, baseline and reference sketch to its run.

    Args:
        settings: of the product.
        project: the project.
        split: reference to the split that the model was trained on.
        run_id: of `train`.

    Returns:
        ``run_id``, ``metrics`` (``accuracy`` with ``accuracy_low`` and ``accuracy_high``, ``macro_f1``, ``log_loss``,
        ``calibration_error``, ``rows``, ``baseline_accuracy``, ``baseline_macro_f1``) and ``per_class``.

    Raises:
        InputError: the run holds no model, or the split cannot be used.
        MlflowError: MLflow went away.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"evaluate run {run_id}"):
        return assess(client, project, data.load(settings, project, split), run_id)


def assess(client: MlflowClient, project: Project, arrays: Mapping[str, Arrays], run_id: str) -> dict[str, Any]:
    """Evaluate over arrays that are loaded already; as `evaluate`."""
    import numpy as np

    fitted = load_run(client, project, run_id)
    test = arrays["test"]
    probabilities = predict(fitted, project, test.contents)
    report = measure(test.labels, probabilities, project.classes)
    guess = baseline(arrays["train"], test)
    report["metrics"]["baseline_accuracy"] = float((guess == test.labels).mean())
    report["metrics"]["baseline_macro_f1"] = macro_f1(test.labels, guess)

    metrics = {name if name.startswith("baseline_") else f"test_{name}": v for name, v in report["metrics"].items()}
    log_metrics(client, run_id, metrics)
    log_params(client, run_id, {"baseline": "logistic regression"})
    client.log_dict(run_id, report, "evaluation/evaluation.json")
    log_file(client, run_id, "plots/confusion_matrix.png", plots.confusion(np.array(report["confusion"]), project.classes))
    error = report["metrics"]["calibration_error"]
    log_file(client, run_id, "plots/calibration.png", plots.reliability(report["calibration"], error))
    log_file(client, run_id, "plots/per_class.png", plots.per_class(report["per_class"]))
    log_file(client, run_id, SKETCH, _sketch(project, fitted, arrays).encode())
    return {"run_id": run_id, "metrics": report["metrics"], "per_class": report["per_class"]}


def _sketch(project: Project, fitted: Fitted, arrays: Mapping[str, Arrays]) -> str:
    """Sketch rows that the weights were not fitted to: what production looks like while nothing drifts."""
    import numpy as np

    from include.monitoring import reference_sketch

    unseen = [arrays["validation"], arrays["test"]]
    probabilities = np.concatenate([predict(fitted, project, part.contents) for part in unseen])
    contents = np.concatenate([part.contents for part in unseen])
    kinds = [kind for part in unseen for kind in part.kinds]
    return reference_sketch(project, contents, probabilities.argmax(1), probabilities, kinds).to_json()


def measure(labels: np.ndarray, probabilities: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """Compute every figure of an evaluation.

    Args:
        labels: true class indices (n,).
        probabilities: of the model (n, classes).
        classes: their names.

    Returns:
        ``metrics``, ``per_class`` (class, rows, precision, recall, f1), ``confusion`` (true classes down) and
        ``calibration`` (bins of confidence).
    """
    import numpy as np

    guess = probabilities.argmax(1)
    matrix = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(matrix, (labels, guess), 1)
    picked = np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1)
    bins, error = calibration(labels, probabilities)
    right = int((guess == labels).sum())
    low, high = wilson(right, len(labels))
    return {
        "metrics": {
            "accuracy": right / len(labels),
            "accuracy_low": low,
            "accuracy_high": high,
            "macro_f1": macro_f1(labels, guess),
            "log_loss": float(-np.log(picked).mean()),
            "calibration_error": error,
            "rows": len(labels),
        },
        "per_class": [_class_row(matrix, place, name) for place, name in enumerate(classes)],
        "confusion": matrix.tolist(),
        "calibration": bins,
    }


def _class_row(matrix: np.ndarray, place: int, name: str) -> dict[str, Any]:
    hit, true, said = int(matrix[place, place]), int(matrix[place].sum()), int(matrix[:, place].sum())
    return {
        "class": name,
        "rows": true,
        "precision": hit / said if said else 0.0,
        "recall": hit / true if true else 0.0,
        "f1": 2 * hit / (true + said) if true + said else 0.0,
    }


def calibration(labels: np.ndarray, probabilities: np.ndarray, count: int = BINS) -> tuple[list[dict[str, float]], float]:
    """Return the bins of confidence and the expected calibration error (mean gap, weighted by rows)."""
    import numpy as np

    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((sure * count).astype(int), count - 1)
    bins, error = [], 0.0
    for number in range(count):
        rows = place == number
        filled = bool(rows.any())
        confidence, accuracy = (float(sure[rows].mean()), float(right[rows].mean())) if filled else (0.0, 0.0)
        error += abs(confidence - accuracy) * float(rows.mean())
        bins.append(
            {
                "low": number / count,
                "high": (number + 1) / count,
                "rows": int(rows.sum()),
                "confidence": confidence,
                "accuracy": accuracy,
            }
        )
    return bins, error


def wilson(right: int, rows: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval (Wilson) of a share of ``right`` in ``rows``."""
    share, spread = right / rows, z * z / rows
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / rows + spread / (4 * rows)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def baseline(train: Arrays, test: Arrays) -> np.ndarray:
    """Train a logistic regression on the same rows and return its guesses (n,) for the test part."""
    from sklearn.linear_model import LogisticRegression

    flat = [part.inputs.reshape(len(part.inputs), -1) for part in (train, test)]
    model = LogisticRegression(max_iter=300).fit(flat[0], train.labels)
    guesses: np.ndarray = model.predict(flat[1])
    return guesses
