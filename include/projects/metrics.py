"""Metrics that models can be measured by: the built-in ones, and the section ``metrics`` of a project.yaml."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from include.projects.parts import Part
from include.projects.wording import meant

Direction = Literal["max", "min"]


@dataclass(frozen=True)
class BuiltIn:
    """A metric that the product measures by itself (`include.training.metrics` holds its function).

    Attributes:
        direction: which way it gets better.
        task: what it is for.
        what: one line for people.
    """

    direction: Direction
    task: str
    what: str


BUILT_IN: dict[str, BuiltIn] = {  # the first of a task is what its gate asks for where project.yaml names none
    "accuracy": BuiltIn("max", "classification", "share of right answers"),
    "balanced_accuracy": BuiltIn("max", "classification", "mean recall over the classes that occur"),
    "macro_f1": BuiltIn("max", "classification", "mean F1 over the classes that occur in labels or answers"),
    "log_loss": BuiltIn("min", "classification", "mean negative logarithm of the true class's probability"),
    "roc_auc": BuiltIn("max", "classification", "area under the ROC curve; with more classes the mean of one against the rest"),
    "pr_auc": BuiltIn("max", "classification", "average precision; with more classes the mean of one against the rest"),
    "calibration_error": BuiltIn("min", "classification", "mean gap between confidence and share of right answers, by 10 bins"),
    "rmse": BuiltIn("min", "regression", "root of the mean squared error, in the label's unit"),
    "mae": BuiltIn("min", "regression", "mean absolute error, in the label's unit"),
    "r2": BuiltIn("max", "regression", "share of the labels' variance that the model explains"),
    "mape": BuiltIn("min", "regression", "mean absolute error as a share of the label; where no label is near 0"),
    "silhouette": BuiltIn("max", "clustering", "how much nearer items lie to their own cluster than to the next, -1 to 1"),
    "davies_bouldin": BuiltIn("min", "clustering", "how wide clusters are for their distance, of each and its worst neighbour"),
    "stability": BuiltIn("max", "clustering", "adjusted Rand index of models of resampled rows with this one, 1 for the same"),
    "adjusted_rand": BuiltIn(
        "max", "clustering", "adjusted Rand index of clusters with labels, where there are some; 0 by chance"
    ),
    "explained_variance": BuiltIn("max", "reduction", "share of the inputs' variance that comes back from the reduced items"),
    "reconstruction_error": BuiltIn("min", "reduction", "root mean squared error of the inputs that come back"),
    "trustworthiness": BuiltIn("max", "reduction", "how far neighbours of reduced items were near before, 0 to 1"),
    "neighbours_kept": BuiltIn("max", "reduction", "share of an item's nearest neighbours that are still among the nearest"),
    "mean_return": BuiltIn("max", "control", "mean sum of rewards of an episode in the simulator"),
    "tenth_return": BuiltIn("max", "control", "sum of rewards that nine of ten episodes reach in the simulator"),
}

MetricName = Annotated[str, Field(pattern=r"^[\pL_]\w{0,60}$")]
PREFIXES, SUFFIXES = ("baseline_", "test_", "best_", "bias_"), ("_low", "_high")  # figures that evaluations write beside metrics


class OwnMetric(Part):
    """One metric of the project's own."""

    function: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="module:function under the project's folder; of (labels, outputs) of the test part it gives one number.",
    )
    direction: Direction = Field(description="Which way it gets better.")
    threshold: float | None = Field(None, description="What a model must reach (max) or stay below (min) to be confirmed.")
    what: str = Field("", max_length=200, description="One line for people.")


def directions(task: str, own: Mapping[str, OwnMetric]) -> dict[str, Direction]:
    """Return the metrics of a task with a project's own, and which way each gets better."""
    built_in: dict[str, Direction] = {name: metric.direction for name, metric in BUILT_IN.items() if metric.task == task}
    return built_in | {name: metric.direction for name, metric in own.items()}


def metric_problems(
    task: str,
    own: Mapping[str, OwnMetric],
    metric: str | None,
    minimum: float | None,
    maximum: float | None,
    thresholds: Mapping[str, float],
) -> list[str]:
    """Return what is wrong with a project's own metrics and with what its gate asks for.

    Args:
        task: of the project.
        own: its metrics.
        metric: of the gate; None takes the first of the task.
        minimum: of the gate.
        maximum: of the gate.
        thresholds: of the gate, for other metrics.
    """
    found = []
    for name, one in own.items():
        if name in BUILT_IN or name == "rows" or name.startswith(PREFIXES) or name.endswith(SUFFIXES):
            found.append(f"metrics.{name}: the name is taken, or would be mistaken for another figure; choose another")
        if one.threshold is not None and not math.isfinite(one.threshold):
            found.append(f"metrics.{name}.threshold: {one.threshold} is no finite number")
    known = directions(task, own)
    found += _thresholds(task, own, known, metric or next(iter(known), None), thresholds)
    if metric is None and not known:
        return [*found, *([f"training.gate: the task {task} has no metric; name one of metrics"] if minimum or maximum else [])]
    name = metric or next(iter(known))
    if name not in known:
        there = f"There are {', '.join(known) or 'none'}"
        return [*found, f"training.gate.metric: there is no metric {name!r} for {task}.{meant(name, known)} {there}"]
    if known[name] == "max" and maximum is not None:
        found.append(f"training.gate.maximum: {name} is better the higher it is: give minimum")
    if known[name] == "min" and minimum is not None:
        found.append(f"training.gate.minimum: {name} is better the lower it is: give maximum")
    return found


def _thresholds(
    task: str,
    own: Mapping[str, OwnMetric],
    known: Mapping[str, Direction],
    deciding: str | None,
    thresholds: Mapping[str, float],
) -> Iterator[str]:
    """Yield what is wrong with the thresholds of a gate: metrics that are not registered, of another task, or told twice."""
    for name in thresholds:
        place = f"training.gate.thresholds.{name}"
        if name == deciding:
            yield f"{place}: it is the metric of the gate itself: give {'minimum' if known.get(name) == 'max' else 'maximum'}"
        elif name in own and own[name].threshold is not None:
            yield f"{place}: metrics.{name}.threshold says it already: give it once"
        elif name not in known and name in BUILT_IN:
            yield f"{place}: it is a metric of {BUILT_IN[name].task}, not of {task}; there are {', '.join(known) or 'none'}"
        elif name not in known:
            yield f"{place}: there is no metric {name!r} for {task}.{meant(name, known)} There are {', '.join(known) or 'none'}"
