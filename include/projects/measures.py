"""What is measured on the validation part while a model learns, for each task that has a built-in learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.projects.metrics import BUILT_IN, Direction, OwnMetric, directions
from include.projects.tasks import Task


@dataclass(frozen=True)
class Measure:
    """A figure of each epoch, by which a search may decide (`include.training.scores` makes it).

    Attributes:
        direction: which way it gets better.
        what: one line for people.
        least: it lies above; None where nothing bounds it.
        most: it lies at or below; None where nothing bounds it.
    """

    direction: Direction
    what: str
    least: float | None = None
    most: float | None = None


MEASURES: dict[Task, dict[str, Measure]] = {  # the first of a task decides where project.yaml names none
    "classification": {
        "validation_accuracy": Measure("max", "share of right answers", 0, 1),
        "validation_macro_f1": Measure("max", "mean F1 over the classes that occur in labels or answers", 0, 1),
        "validation_loss": Measure("min", "mean negative logarithm of the true class's probability"),
    },
    "regression": {
        "validation_loss": Measure("min", "mean squared error"),
        "validation_rmse": Measure("min", "root of the mean squared error, in the label's unit", 0),
        "validation_mae": Measure("min", "mean absolute error, in the label's unit", 0),
        "validation_r2": Measure("max", "share of the labels' variance that the model explains", None, 1),
    },
    "clustering": {
        "validation_silhouette": Measure("max", "how much nearer items lie to their own cluster than to the next", -1, 1),
        "validation_davies_bouldin": Measure("min", "how wide clusters are for their distance", 0),
        "validation_loss": Measure("min", "1 less the silhouette"),
    },
    "reduction": {
        "validation_explained_variance": Measure("max", "share of the inputs' variance that comes back", None, 1),
        "validation_loss": Measure("min", "mean squared error of the inputs that come back"),
    },
    "control": {
        "validation_return": Measure("max", "mean sum of rewards of an episode in the simulator"),
        "validation_loss": Measure("min", "mean squared surprise of the values of actions"),
    },
}
BY_OUTPUTS = ("classification", "regression")  # tasks whose models are measured by labels and outputs alone


def measures(task: Task, own: Mapping[str, OwnMetric]) -> dict[str, Measure]:
    """Return what a search of a task may decide by, the figures of each epoch first.

    Where a model is measured by labels and outputs alone, any other registered metric follows, a project's own too, as
    ``validation_`` and its name; it is measured where a search decides by it.

    Args:
        task: of the project.
        own: its metrics.
    """
    known = MEASURES.get(task, {})
    if task not in BY_OUTPUTS:
        return known
    more = {
        f"validation_{name}": Measure(way, own[name].what if name in own else BUILT_IN[name].what)
        for name, way in directions(task, own).items()
    }
    return {**known, **{name: one for name, one in more.items() if name not in known}}
