"""Bias: whether a model treats groups of people or places alike, by fairlearn's measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.evaluation import GROUP
from include.training.slices import MISSING

if TYPE_CHECKING:
    import numpy as np


def bias(project: Project, labels: np.ndarray, outputs: np.ndarray, by: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Compare groups by each way that ``training.bias`` of project.yaml names.

    Classification: accuracy and selection rate of each group, and the differences of accuracy, of selection rates
    (demographic parity) and of true and false positive rates (equalised odds). With no ``positive`` class each class
    is looked at as the one that is selected, and the worst counts. Regression: the mean absolute error.

    Args:
        project: gives what to compare.
        labels: of the test part (n,).
        outputs: of the model.
        by: of `include.training.slices.ways`.

    Returns:
        By way: ``groups`` (rows with ``group``, ``rows`` and its figures), ``measures`` (name: difference; None where
        fewer than two groups are large enough) and ``small`` (groups that were left out).
    """
    wanted = project.training.bias
    if wanted is None:
        return {}
    found = {}
    for way in wanted.by:
        name = way.removeprefix("@")
        if way == GROUP and "group" not in by:
            found[name] = {"groups": [], "measures": dict.fromkeys(_names(project)), "small": [], "note": "no item has a group"}
            continue
        found[name] = _compared(project, labels, outputs, by[name])
    return found


def figures(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the differences of `bias` as figures: ``bias_<way>_<measure>``."""
    return {
        f"bias_{way}_{name}": value
        for way, told in found.items()
        for name, value in told["measures"].items()
        if value is not None
    }


def _names(project: Project) -> list[str]:
    if project.task == "regression":
        return ["mae_difference"]
    return ["accuracy_difference", "demographic_parity_difference", "equalized_odds_difference"]


def _compared(project: Project, labels: np.ndarray, outputs: np.ndarray, groups: Sequence[str]) -> dict[str, Any]:
    import numpy as np

    wanted = project.training.bias
    assert wanted is not None
    names, counts = np.unique(np.array(groups, dtype=object).astype(str), return_counts=True)
    enough = {str(n) for n, c in zip(names, counts, strict=True) if c >= wanted.min_rows and n != MISSING}
    small = [f"{n} ({c} rows)" for n, c in zip(names, counts, strict=True) if str(n) not in enough]
    if len(enough) < 2:
        return {"groups": [], "measures": dict.fromkeys(_names(project)), "small": small, "note": "fewer than two groups"}
    kept = np.array([group in enough for group in groups])
    whose = np.array(groups, dtype=object)[kept].astype(str)
    measured = _numbers if project.task == "regression" else _classes
    return {**measured(project, labels[kept], outputs[kept], whose), "small": small, "note": ""}


def _numbers(project: Project, labels: np.ndarray, outputs: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    from fairlearn.metrics import MetricFrame, count
    from sklearn.metrics import mean_absolute_error

    measures = {"rows": count, "mae": mean_absolute_error}
    frame = MetricFrame(metrics=measures, y_true=labels, y_pred=outputs, sensitive_features=groups)
    return {"groups": _rows(frame), "measures": {"mae_difference": float(frame.difference()["mae"])}}


def _classes(project: Project, labels: np.ndarray, outputs: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    from fairlearn.metrics import MetricFrame, count, demographic_parity_difference, equalized_odds_difference, selection_rate
    from sklearn.metrics import accuracy_score

    wanted, guess = project.training.bias, outputs.argmax(1)
    assert wanted is not None
    positive = [project.classes.index(wanted.positive)] if wanted.positive else range(len(project.classes))
    whole = MetricFrame(
        metrics={"rows": count, "accuracy": accuracy_score}, y_true=labels, y_pred=guess, sensitive_features=groups
    )
    rows, parity, odds = _rows(whole), [], []
    for place in positive:
        true, said = (labels == place).astype(int), (guess == place).astype(int)
        selected = MetricFrame(metrics=selection_rate, y_true=true, y_pred=said, sensitive_features=groups)
        for row in rows:
            row[f"selection rate of {project.classes[place]}"] = float(selected.by_group[row["group"]])
        parity.append(float(demographic_parity_difference(true, said, sensitive_features=groups)))
        odds.append(_odds(equalized_odds_difference, true, said, groups))
    told = [one for one in odds if one is not None]
    return {
        "groups": rows,
        "measures": {
            "accuracy_difference": float(whole.difference()["accuracy"]),
            "demographic_parity_difference": max(parity),
            "equalized_odds_difference": max(told) if told else None,
        },
    }


def _odds(measure: Any, true: np.ndarray, said: np.ndarray, groups: np.ndarray) -> float | None:
    """Return equalised odds; None where a group has no row of one of the two kinds, whose rate is then unknown."""
    for group in set(groups):
        if len(set(true[groups == group])) < 2:
            return None
    return float(measure(true, said, sensitive_features=groups))


def _rows(frame: Any) -> list[dict[str, Any]]:
    return [
        {"group": str(group), "rows": int(row["rows"]), **{name: float(row[name]) for name in row.index if name != "rows"}}
        for group, row in frame.by_group.iterrows()
    ]
