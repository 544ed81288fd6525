"""What is measured while a model learns, for each task that has a built-in learner."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from include.projects import Project
from include.projects.measures import MEASURES, measures
from include.projects.metrics import Direction
from include.projects.tasks import Task
from include.training.errors import InputError

if TYPE_CHECKING:
    import numpy as np

PREFIX = "validation_"


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


def mode(project: Project) -> Direction:
    """Return which way the deciding metric gets better: ``max`` or ``min``."""
    return modes(project)[metric(project)]


def modes(project: Project) -> dict[str, Direction]:
    """Return the metrics that may decide a search, and which way each gets better (`include.projects.measures`).

    Raises:
        InputError: the task has no built-in learner.
    """
    known = measures(project.task, project.metrics)
    if not known:
        raise InputError(f"the task {project.task} has no learner here; tasks with one: {', '.join(MEASURES)}")
    return {name: one.direction for name, one in known.items()}


def validate(task: Task, labels: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """Measure a model on the validation part.

    Args:
        task: ``classification`` or ``regression``.
        labels: class indices, or numbers (n,).
        outputs: probabilities (n, classes), or numbers (n,).
    """
    return _VALIDATE[task](labels, outputs)


def measure(project: Project, labels: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """Measure a model on the validation part, also by the registered metric that decides where it is none of `validate`.

    Args:
        project: gives the task and the metric that decides.
        labels: as of `validate`.
        outputs: as of `validate`.

    Raises:
        InputError: the metric that decides fails, or gives no finite number.
    """
    found, deciding = validate(project.task, labels, outputs), metric(project)
    if deciding not in found:
        from include.training.metrics import metric_of

        name = deciding.removeprefix(PREFIX)
        found[deciding] = value = metric_of(project, name).function(labels, outputs)
        if not math.isfinite(value):
            problem = f"{name} of {project.name} gave {value} for the validation part, and it decides the search"
            raise InputError(f"{problem}: choose another training.tuning.metric, or a larger validation part")
    return found


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
