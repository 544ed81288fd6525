"""Slices: the test part looked at by class, by group, by column and by the round that its rows come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.content import TableContent
from include.projects.evaluation import GROUP
from include.settings import Settings
from include.training.intervals import bootstrap, wilson
from include.training.metrics import Metric, gate_metric, metric_of
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np

MOST, QUARTERS = 20, 4  # slices of one kind; what is rarer is put together
MISSING, OTHERS = "(missing)", "(others)"
RESAMPLES = 100


def ways(settings: Settings | None, project: Project, test: Arrays, split: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Return the ways of slicing the test part that its data knows: the name of each row's slice, by way.

    Args:
        settings: give the data repository; None leaves the data's group out.
        project: gives its classes, and the columns of ``training.slices`` and ``training.bias``.
        test: the part.
        split: what it is a part of; None leaves the data's group out.
    """
    import numpy as np

    found: dict[str, list[str]] = {}
    if project.task == "classification":
        found["class"] = [project.classes[label] for label in test.labels]
    else:
        found["label"] = quarters(np.asarray(test.labels, dtype=np.float64))
    if len(set(test.kinds)) > 1:
        found["round"] = list(test.kinds)
    bias = project.training.bias
    if settings is not None and split is not None and any(source.group for source in project.data.sources.values()):
        found["group"] = groups(settings, split)
    form = project.data.content
    if isinstance(form, TableContent):
        wanted = [*project.training.slices, *(name for name in (bias.by if bias else []) if name != GROUP)]
        for name in dict.fromkeys(wanted):
            values = test.contents[name]
            if form.columns[name].type in ("number", "integer"):
                found[name] = quarters(values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan))
            else:
                found[name] = [MISSING if missing else str(one) for one, missing in zip(values, values.isna(), strict=True)]
    return found


def groups(settings: Settings, split: Mapping[str, Any]) -> list[str]:
    """Return the group of each item of the test part, in its order."""
    from include.data import items
    from include.data.folds import parts_of
    from include.data.parts import open_split

    opened = open_split(settings, dict(split))
    slots = [slot for slot, part in parts_of(opened.recipe, None, opened.where).items() if part == "test"]
    return [MISSING if one is None else str(one) for _, table in opened.given(slots) for one in table[items.GROUP].to_pylist()]


def quarters(values: np.ndarray) -> list[str]:
    """Return for each number the quarter of all of them that it lies in, in words."""
    import numpy as np

    known = values[np.isfinite(values)]
    if not len(known):
        return [MISSING] * len(values)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, QUARTERS + 1)))
    if len(edges) < 3:
        return [MISSING if not np.isfinite(value) else f"{value:g}" for value in values]
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return [
        f"{edges[at]:.4g} to {edges[at + 1]:.4g}" if np.isfinite(value) else MISSING
        for at, value in zip(place, values, strict=True)
    ]


def sliced(project: Project, labels: np.ndarray, outputs: np.ndarray, by: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Measure each slice.

    Args:
        project: gives the task and the gate's metric.
        labels: of the part (n,).
        outputs: of the model (n, ...).
        by: of `ways`; names of slices (n,).

    Returns:
        One row a slice: ``by``, ``slice``, ``rows``, ``metric``, ``value`` with ``low`` and ``high`` (None where such
        rows say nothing) and ``note``. A metric that needs several classes is asked of no slice of one class.
    """
    import numpy as np

    found = []
    for way, names in by.items():
        kept, counts = np.unique(np.array(names, dtype=object).astype(str), return_counts=True)
        rare = set(kept[np.argsort(-counts, kind="stable")][MOST:])
        shown = np.array([OTHERS if name in rare else name for name in map(str, names)], dtype=object)
        order = project.classes if way == "class" else sorted({*shown})
        for name in order:
            rows = shown == name
            found.append({"by": way, "slice": name, **_measured(_metric(project), labels[rows], outputs[rows])})
    return found


def slice_metric(project: Project) -> str:
    """Return the metric that slices are measured by."""
    return _metric(project).name


def _metric(project: Project) -> Metric:
    """Return the gate's metric where it can be told of any rows, else the share of right answers or the mean error."""
    wanted = gate_metric(project)
    if project.task == "classification":
        return wanted if wanted.name == "log_loss" else metric_of(project, "accuracy")
    return wanted if wanted.name in ("rmse", "mape") else metric_of(project, "mae")


def _measured(metric: Metric, labels: np.ndarray, outputs: np.ndarray) -> dict[str, Any]:
    import math

    row: dict[str, Any] = {"rows": len(labels), "metric": metric.name, "value": None, "low": None, "high": None, "note": ""}
    if not len(labels):
        return row | {"note": "no rows in the test part"}
    value = metric.function(labels, outputs)
    if not math.isfinite(value):
        return row | {"note": "such rows say nothing by this metric"}
    if metric.name == "accuracy":
        ends: tuple[float, float] | None = wilson(round(value * len(labels)), len(labels))
    else:
        ends = bootstrap(metric.function, labels, outputs, resamples=RESAMPLES)
    low, high = ends or (None, None)
    note = "few rows" if len(labels) < 10 else ""
    return row | {"value": value, "low": low, "high": high, "note": note}
