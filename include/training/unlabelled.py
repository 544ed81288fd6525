"""Evaluation of what learnt without labels: clusterings, reductions and policies, beside something simple."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training import clustering, control, reduction
from include.training.episodes import by_chance, control_of, returns
from include.training.errors import InputError
from include.training.intervals import bootstrap
from include.training.learners import Fitted
from include.training.metrics import gate_metric, registered
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np

Figures = dict[str, float]


@dataclass
class Measured:
    """What an evaluation without labels found.

    Attributes:
        metrics: figures of the model with their intervals (``_low``, ``_high``), ``rows``, and ``baseline_...``.
        baseline: the name of the simple thing that it was compared with.
        notes: what could not be measured, and why.
        drawn: what plots are made from, by name.
    """

    metrics: Figures
    baseline: str
    notes: list[str] = field(default_factory=list)
    drawn: dict[str, Any] = field(default_factory=dict)


def measure(project: Project, fitted: Fitted, params: Mapping[str, Any], arrays: Mapping[str, Arrays]) -> Measured:
    """Measure a model of a task that learns without labels.

    Args:
        project: gives the task.
        fitted: of `include.training.models.load_run`.
        params: that it was made with.
        arrays: ``train`` and ``test``.

    Raises:
        InputError: its outputs are not finite, or the simulator fails.
    """
    import numpy as np

    outputs = fitted.predict(arrays["test"].inputs)
    rows = len(arrays["test"].labels)
    if outputs.ndim != 2 or len(outputs) != rows or not np.isfinite(outputs).all():
        raise InputError(
            f"the model of {project.name} gives outputs {outputs.shape} for {rows} rows, or some that are not finite"
        )
    found = _TASKS[project.task](project, fitted, params, arrays, outputs)
    for name, metric in registered(project).items():
        if metric.own:
            found.metrics[name] = metric.function(arrays["test"].labels, outputs)
        if not math.isfinite(found.metrics.get(name, math.nan)):
            found.metrics.pop(name, None)
            found.notes.append(f"{name} says nothing about this test part ({metric.what})")
    found.metrics = {name: value for name, value in found.metrics.items() if math.isfinite(value)} | {"rows": rows}
    return found


def _clustering(
    project: Project, fitted: Any, params: Mapping[str, Any], arrays: Mapping[str, Arrays], outputs: np.ndarray
) -> Measured:
    import numpy as np

    train, test = arrays["train"].inputs, arrays["test"].inputs
    labels, places = arrays["test"].labels, outputs.argmax(1)
    metrics: Figures = {**clustering.quality(test, outputs), "clusters": float(len(np.unique(places)))}
    drawn: dict[str, Any] = {"places": places, "inputs": test, "labels": labels}
    if math.isfinite(metrics["silhouette"]):
        drawn["silhouettes"] = clustering.silhouettes(test[: clustering.ROWS], places[: clustering.ROWS])
        _add(metrics, "silhouette", _mean_of(drawn["silhouettes"]))
    alike = np.array(clustering.stability(project, params, fitted, train, test))
    metrics["stability"] = float(alike.mean())
    _add(metrics, "stability", _mean_of(alike))
    metrics["adjusted_rand"] = clustering.adjusted_rand(labels, outputs)
    _add(metrics, "adjusted_rand", bootstrap(clustering.adjusted_rand, labels, outputs))
    halves = clustering.halves(train, test)
    simple = {**clustering.quality(test, halves), "adjusted_rand": clustering.adjusted_rand(labels, halves)}
    return _beside(metrics, simple, "halves of the direction that varies most", drawn)


def _reduction(
    project: Project, fitted: Any, params: Mapping[str, Any], arrays: Mapping[str, Arrays], outputs: np.ndarray
) -> Measured:

    train, test = arrays["train"].inputs, arrays["test"].inputs
    back = fitted.restore(outputs)
    metrics = reduction.quality(train, test, outputs, back)
    flat, middle = test.reshape(len(test), -1), train.reshape(len(train), -1).mean(0)
    errors, spread = ((back - flat) ** 2).mean(1), ((flat - middle) ** 2).mean(1)
    _add(metrics, "explained_variance", bootstrap(lambda e, s: 1 - float(e.sum() / s.sum()), errors, spread))
    _add(metrics, "reconstruction_error", bootstrap(lambda e, _: float(e.mean() ** 0.5), errors, spread))
    every = {
        name: reduction.quality(train, test, *both) for name, both in reduction.simple(train, test, outputs.shape[1]).items()
    }
    best = gate_metric(project)
    name = max(every, key=lambda one: every[one].get(best.name, 0) * (1 if best.direction == "max" else -1))
    metrics["dimensions"] = float(outputs.shape[1])
    drawn = {"outputs": outputs, "labels": arrays["test"].labels, "train": train, "inputs": test, "back": back}
    return _beside(metrics, every[name], name, drawn)


def _control(
    project: Project, fitted: Any, params: Mapping[str, Any], arrays: Mapping[str, Arrays], outputs: np.ndarray
) -> Measured:
    import numpy as np

    wanted, seed = control_of(project), project.training.seed
    won = returns(project, control.policy(project, fitted, fitted.preparation), wanted.episodes, seed)
    chance = returns(project, by_chance(project, seed), wanted.episodes, seed)
    logged = control.transitions(project, arrays["train"]).returns
    metrics = _won(won)
    _add(metrics, "mean_return", _mean_of(won))
    _add(metrics, "tenth_return", bootstrap(lambda r, _: float(np.quantile(r, 0.1)), won, won))
    simple = {"actions by chance": chance, "the policy of the log": logged}
    best = gate_metric(project)
    name = max(simple, key=lambda one: _won(simple[one]).get(best.name, float(simple[one].mean())))
    metrics["episodes"] = float(len(won))
    return _beside(metrics, _won(simple[name]), name, {"won": won, "simple": simple})


def _won(won: np.ndarray) -> Figures:
    import numpy as np

    return {"mean_return": float(won.mean()), "tenth_return": float(np.quantile(won, 0.1))}


def _beside(metrics: Figures, simple: Figures, name: str, drawn: dict[str, Any]) -> Measured:
    return Measured(metrics | {f"baseline_{one}": value for one, value in simple.items()}, name, [], drawn)


def _add(metrics: Figures, name: str, ends: tuple[float, float] | None) -> None:
    if ends and math.isfinite(metrics.get(name, math.nan)):
        metrics[f"{name}_low"], metrics[f"{name}_high"] = ends


def _mean_of(values: np.ndarray) -> tuple[float, float] | None:
    return bootstrap(lambda found, _: float(found.mean()), values, values)


_TASKS: dict[str, Callable[..., Measured]] = {"clustering": _clustering, "reduction": _reduction, "control": _control}
