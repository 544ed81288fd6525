"""The metric registry: what a model is measured by on labels and outputs, built in or a project's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.metrics import BUILT_IN, Direction
from include.training.errors import InputError
from include.training.scores import macro_f1

if TYPE_CHECKING:
    import numpy as np

Function = Callable[["np.ndarray", "np.ndarray"], float]
BINS = 10
NEAR_ZERO = 1e-3  # of the labels' mean size: closer to 0 a relative error says nothing


@dataclass(frozen=True)
class Metric:
    """One registered metric.

    Attributes:
        name: what it is called.
        direction: which way it gets better.
        task: what it is for.
        what: one line for people.
        function: of labels (n,) and outputs (n, classes) or (n,); NaN where it says nothing about such rows.
        threshold: that a model must reach, for a project's own.
        own: it is the project's own.
    """

    name: str
    direction: Direction
    task: str
    what: str
    function: Function
    threshold: float | None = None
    own: bool = False

    def better(self, value: float, other: float) -> bool:
        """Tell whether ``value`` is better than ``other``."""
        return value > other if self.direction == "max" else value < other


def registered(project: Project) -> dict[str, Metric]:
    """Return the metrics of a project's task and its own, by name."""
    found = {
        name: Metric(name, one.direction, one.task, one.what, FUNCTIONS.get(name) or _apart(name))
        for name, one in BUILT_IN.items()
        if one.task == project.task
    }
    for name, own in project.metrics.items():
        function = _checked(name, project.function(f"metrics.{name}.function", own.function), project)
        found[name] = Metric(name, own.direction, project.task, own.what or own.function, function, own.threshold, own=True)
    return found


def metric_of(project: Project, name: str) -> Metric:
    """Return one registered metric.

    Raises:
        InputError: it is not registered.
    """
    known = registered(project)
    if name not in known:
        problem = f"the metric {name!r} is not registered for {project.name}"
        raise InputError(f"{problem}; there are {', '.join(known) or 'none'}; give metrics.{name} in project.yaml")
    return known[name]


def gate_metric(project: Project) -> Metric:
    """Return the metric that the project's gate asks for: of project.yaml, else the first of the task.

    Raises:
        InputError: the task has no metric.
    """
    known = registered(project)
    if not known:
        raise InputError(f"the task {project.task} of {project.name} has no metric; give metrics in project.yaml")
    return metric_of(project, project.training.gate.metric or next(iter(known)))


def _checked(name: str, function: Callable[..., Any], project: Project) -> Function:
    """Return a project's function that says its name when it fails, and gives nothing but a number."""

    def measured(labels: np.ndarray, outputs: np.ndarray) -> float:
        where = f"metrics.{name} of {project.name}"
        try:
            value = function(labels.copy(), outputs.copy())
        except Exception as cause:
            raise InputError(f"{where} raised {type(cause).__name__}: {cause}") from cause
        try:
            if isinstance(value, bool | str | bytes):
                raise TypeError
            return float(value)
        except (TypeError, ValueError) as cause:
            raise InputError(f"{where} gave {type(value).__name__} {str(value)[:60]!r}; wanted one number") from cause

    return measured


def accuracy(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the share of right answers."""
    return float((outputs.argmax(1) == labels).mean())


def balanced_accuracy(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the mean recall over the classes that occur."""
    import numpy as np

    right = outputs.argmax(1) == labels
    return float(np.mean([right[labels == name].mean() for name in np.unique(labels)]))


def log_loss(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the mean negative logarithm of the true class's probability."""
    import numpy as np

    return float(-np.log(np.clip(outputs[np.arange(len(labels)), labels], 1e-12, 1)).mean())


def roc_auc(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the area under the ROC curve; NaN where but one class occurs."""
    import numpy as np
    from scipy.stats import rankdata

    def area(truth: np.ndarray, scores: np.ndarray) -> float:
        positives = int(truth.sum())
        ranks = rankdata(scores)[truth].sum()
        return float((ranks - positives * (positives + 1) / 2) / (positives * (len(truth) - positives)))

    return float(np.mean(_one_against_rest(labels, outputs, area)))


def pr_auc(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the average precision; NaN where but one class occurs."""
    import numpy as np

    def area(truth: np.ndarray, scores: np.ndarray) -> float:
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # ties count as one step
        hits = np.cumsum(truth[order])[last]
        return float(np.sum(np.diff(hits, prepend=0) * hits / (last + 1)) / truth.sum())

    return float(np.mean(_one_against_rest(labels, outputs, area)))


def _one_against_rest(labels: np.ndarray, outputs: np.ndarray, area: Callable[..., float]) -> list[float]:
    import numpy as np

    occurring = np.unique(labels)
    if len(occurring) < 2:
        return [math.nan]
    asked = occurring if outputs.shape[1] > 2 else [1]
    return [area(labels == name, outputs[:, name]) for name in asked]


def calibration_error(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the expected calibration error over equal bins of confidence."""
    return calibration(labels, outputs)[1]


def calibration(labels: np.ndarray, outputs: np.ndarray, count: int = BINS) -> tuple[list[dict[str, float]], float]:
    """Return the bins of confidence and the expected calibration error (mean gap, weighted by rows)."""
    import numpy as np

    sure, right = outputs.max(1), outputs.argmax(1) == labels
    place = np.minimum((sure * count).astype(int), count - 1)
    rows, hits, sums = (np.bincount(place, weights, count) for weights in (None, right, sure))
    shares, means = hits / np.maximum(rows, 1), sums / np.maximum(rows, 1)
    bins = [
        {
            "low": n / count,
            "high": (n + 1) / count,
            "rows": int(rows[n]),
            "confidence": float(means[n]),
            "accuracy": float(shares[n]),
        }
        for n in range(count)
    ]
    return bins, float(np.sum(np.abs(means - shares) * rows) / len(labels))


def rmse(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the root of the mean squared error."""
    return float(((outputs - labels) ** 2).mean() ** 0.5)


def mae(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the mean absolute error."""
    return float(abs(outputs - labels).mean())


def r2(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the share of explained variance; NaN where all labels are the same."""
    spread = float(labels.var())
    return 1 - float(((outputs - labels) ** 2).mean()) / spread if spread else math.nan


def mape(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the mean absolute error as a share of the label; NaN where a label is near 0."""
    size = abs(labels)
    if not size.min() > NEAR_ZERO * size.mean():
        return math.nan
    return float((abs(outputs - labels) / size).mean())


def _adjusted_rand(labels: np.ndarray, outputs: np.ndarray) -> float:
    from include.training.clustering import adjusted_rand

    return adjusted_rand(labels, outputs)


def _apart(name: str) -> Function:
    """Return what stands for a metric that rows of labels and outputs do not tell: inputs or a simulator are needed."""

    def refused(labels: np.ndarray, outputs: np.ndarray) -> float:
        raise InputError(f"{name} is measured by an evaluation as a whole, not of labels and outputs alone")

    return refused


FUNCTIONS: dict[str, Function] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": lambda labels, outputs: macro_f1(labels, outputs.argmax(1)),
    "log_loss": log_loss,
    "roc_auc": roc_auc,
    "pr_auc": pr_auc,
    "calibration_error": calibration_error,
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
    "mape": mape,
    "adjusted_rand": lambda labels, outputs: _adjusted_rand(labels, outputs),
}
