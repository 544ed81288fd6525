"""What is measured while a model learns, for each task that has a built-in learner."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from include.projects import Project
from include.projects.tasks import Task
from include.training.errors import InputError

if TYPE_CHECKING:
    import numpy as np

Mode = Literal["max", "min"]
MODES: dict[Task, dict[str, Mode]] = {
    "classification": {"validation_accuracy": "max", "validation_macro_f1": "max", "validation_loss": "min"},
    "regression": {
        "validation_loss": "min",
        "validation_rmse": "min",
        "validation_mae": "min",
        "validation_r2": "max",
    },
    "clustering": {"validation_silhouette": "max", "validation_davies_bouldin": "min", "validation_loss": "min"},
    "reduction": {"validation_explained_variance": "max", "validation_loss": "min"},
    "control": {"validation_return": "max", "validation_loss": "min"},
}


def metric(project: Project) -> str:
    """Return the metric that decides a search: of project.yaml, else the first of the task.

    Raises:
        InputError: no such metric is measured during training.
    """
    known = modes(project)
    wanted = project.training.tuning.metric
    if wanted is None:
        return next(iter(known))
    if wanted not in known:
        raise InputError(f"training measures {', '.join(known)}, not {wanted!r}; correct training.tuning.metric in project.yaml")
    return wanted


def mode(project: Project) -> Mode:
    """Return which way the deciding metric gets better: ``max`` or ``min``."""
    return modes(project)[metric(project)]


def direction(name: str) -> Mode:
    """Return which way a metric of training gets better.

    Raises:
        InputError: there is no such metric.
    """
    known = {one: way for modes_of in MODES.values() for one, way in modes_of.items()}
    if name not in known:
        raise InputError(f"training measures {', '.join(known)}, not {name!r}")
    return known[name]


def modes(project: Project) -> dict[str, Mode]:
    """Return the metrics of the project's task and which way each gets better.

    Raises:
        InputError: the task has no built-in learner.
    """
    if project.task not in MODES:
        raise InputError(f"the task {project.task} has no learner here; tasks with one: {', '.join(MODES)}")
    return MODES[project.task]


def validate(task: Task, labels: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """Measure a model on the validation part.

    Args:
        task: ``classification`` or ``regression``.
        labels: class indices, or numbers (n,).
        outputs: probabilities (n, classes), or numbers (n,).
    """
    return _VALIDATE[task](labels, outputs)


def _classification(labels: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    import numpy as np

    guess = outputs.argmax(1)
    picked = np.clip(outputs[np.arange(len(guess)), labels], 1e-12, 1)
    return {
        "validation_loss": float(-np.log(picked).mean()),
        "validation_accuracy": float((guess == labels).mean()),
        "validation_macro_f1": macro_f1(labels, guess),
    }


def _regression(labels: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    import numpy as np

    errors = outputs - labels
    squares, spread = float(np.mean(errors**2)), float(np.var(labels))
    return {
        "validation_loss": squares,
        "validation_rmse": squares**0.5,
        "validation_mae": float(np.abs(errors).mean()),
        "validation_r2": 1 - squares / spread if spread else 0.0,
    }


_VALIDATE: dict[str, Callable[[np.ndarray, np.ndarray], dict[str, float]]] = {
    "classification": _classification,
    "regression": _regression,
}


def macro_f1(labels: np.ndarray, guess: np.ndarray) -> float:
    """Return the mean F1 over the classes that occur in labels or guesses."""
    import numpy as np

    scores = []
    for name in np.union1d(labels, guess):
        hit = int(((labels == name) & (guess == name)).sum())
        scores.append(2 * hit / (int((labels == name).sum()) + int((guess == name).sum())))
    return float(np.mean(scores))
