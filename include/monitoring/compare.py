"""The decision between two models on the same rows, old and new: numbers, intervals, reasons.

The rule, as `decide` applies it (difference = candidate's accuracy minus the current model's, on the same rows; of
models that answer with numbers, what `include.monitoring.compare_numbers` calls difference):

* Old data blocks, when the candidate loses more than ``max_loss_on_old`` there; or when it surely loses (the
  whole interval lies below 0) and a loss beyond the limit cannot be excluded (the interval reaches below it);
  or when one class collapses (its Wilson intervals of the two models do not touch).
* New data must gain: the difference is at least ``min_gain_on_new`` and surely above 0.

Why not "the interval must lie above the limit" on old data: 360 rows at 97 % cannot tell apart differences below
about 0.02, so two equal models would fail every third time. Why not the observed difference alone: with many
rows a sure loss just inside the limit would pass unseen. With more rows both parts come together at the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from include.monitoring.errors import MonitoringError
from include.projects.release import MIN_TEST_ROWS

RESAMPLES = 2000


@dataclass(frozen=True)
class Figure:
    """What two models are compared by, and how it is told.

    Attributes:
        name: of the metric; cells hold their value under it.
        lower_is_better: which way it gets better; a difference above 0 is always for the candidate.
        share: the difference is a share of the current model's figure, not one of the figure itself.
        slice: what a slice of the rows is called.
    """

    name: str = "accuracy"
    lower_is_better: bool = False
    share: bool = False
    slice: str = "class"

    def told(self, value: float) -> str:
        """Return a value in words."""
        return f"{value:.3f}" if self.name == "accuracy" else f"{value:.4g}"


ACCURACY = Figure()


def wilson(right: int, n: int, confidence: float) -> tuple[float, float]:
    """Return the Wilson interval of a share; (0, 1) without rows."""
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def paired_interval(difference: np.ndarray, confidence: float, seed: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the bootstrap interval of the mean of a paired difference.

    Drawing rows again and counting them is a multinomial draw of the three values that a difference can
    have, so 2,000 resamples cost the same for a hundred rows and for a million.

    Args:
        difference: candidate right minus current right of each row, int (n,) of -1, 0, 1.
        confidence: such as 0.95.
        seed: seed of the draws.
        resamples: bootstrap samples.
    """
    n = len(difference)
    shares = np.array([(difference == v).sum() for v in (-1, 0, 1)]) / n
    draws = np.random.default_rng(seed).multinomial(n, shares, size=resamples)
    means = (draws[:, 2] - draws[:, 0]) / n
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def compare(
    labels_old: np.ndarray,
    cur_old: np.ndarray,
    cand_old: np.ndarray,
    labels_new: np.ndarray,
    cur_new: np.ndarray,
    cand_new: np.ndarray,
    classes: Sequence[str],
    confidence: float = 0.95,
    max_loss_on_old: float = 0.02,
    min_gain_on_new: float = 0.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two models on old and new test rows and decide.

    Args:
        labels_old: true class indices of the old rows, int (n,).
        cur_old: the current model's predictions on them, int (n,).
        cand_old: the candidate's predictions on them, int (n,).
        labels_new: true class indices of the new rows, int (m,).
        cur_new: the current model's predictions on them, int (m,).
        cand_new: the candidate's predictions on them, int (m,).
        classes: names of the classes.
        confidence: of all intervals.
        max_loss_on_old: accuracy that may be lost on old rows, 0..1.
        min_gain_on_new: accuracy that must be gained on new rows, 0..1.
        seed: seed of the bootstrap.

    Returns:
        ``cells`` (accuracy, low, high, n of current_old, current_new, candidate_old, candidate_new), ``slices``
        (the same by class), ``difference_old`` and ``difference_new`` (value, low, high, better, worse),
        ``decision`` (accept or reject), ``reasons`` (a sentence for each part of the rule) and the limits.

    Raises:
        MonitoringError: the arrays do not fit together, are empty, or hold labels outside the classes.
    """
    if not 0.5 < confidence < 1:
        raise MonitoringError(
            f"confidence must lie between 0.5 and 1, not {confidence}: correct retraining.confidence in project.yaml"
        )
    right: dict[str, np.ndarray] = {}
    labels: dict[str, np.ndarray] = {}
    for part, truth, current, candidate in (("old", labels_old, cur_old, cand_old), ("new", labels_new, cur_new, cand_new)):
        labels[part] = _indices(truth, len(classes), f"labels_{part}")
        for who, predicted in (("current", current), ("candidate", candidate)):
            predicted = np.asarray(predicted)
            if predicted.shape != labels[part].shape:
                raise MonitoringError(
                    f"the {who} model's predictions on {part} data are {predicted.shape}, the labels {labels[part].shape}: "
                    "give one prediction a row, in the same order"
                )
            right[f"{who}_{part}"] = predicted == labels[part]
    cells = {name: _cell(hits, confidence) for name, hits in right.items()}
    slices = {
        str(name): {key: _cell(hits[labels[key.rpartition("_")[2]] == i], confidence) for key, hits in right.items()}
        for i, name in enumerate(classes)
    }
    differences = {
        part: _difference(right[f"current_{part}"], right[f"candidate_{part}"], confidence, seed + i)
        for i, part in enumerate(("old", "new"))
    }
    decision, reasons = decide(
        cells, slices, differences["old"], differences["new"], max_loss_on_old, min_gain_on_new, confidence
    )
    return {
        "cells": {name: cells[name] for name in ("current_old", "current_new", "candidate_old", "candidate_new")},
        "slices": slices,
        "difference_old": differences["old"],
        "difference_new": differences["new"],
        "decision": decision,
        "reasons": reasons,
        "limits": {
            "confidence": confidence,
            "max_loss_on_old": max_loss_on_old,
            "min_gain_on_new": min_gain_on_new,
            "min_rows": MIN_TEST_ROWS,
            "resamples": RESAMPLES,
            "seed": seed,
        },
    }


def decide(
    cells: dict[str, dict[str, Any]],
    slices: dict[str, dict[str, dict[str, Any]]],
    old: dict[str, Any],
    new: dict[str, Any],
    max_loss: float,
    min_gain: float,
    confidence: float,
    figure: Figure = ACCURACY,
    of_slices: Figure = ACCURACY,
) -> tuple[str, list[str]]:
    """Apply the rule of this module; each reason says its part of it with the numbers."""
    against, notes = [], []
    of = f" of the current model's {figure.name}" if figure.share else ""
    for part in ("old", "new"):
        if (n := cells[f"current_{part}"]["n"]) < MIN_TEST_ROWS:
            against.append(f"only {n} {part} test rows: at least {MIN_TEST_ROWS} are needed to judge, collect more")
    seen = f"on {cells['current_old']['n']} old rows {_told(cells, 'old', figure)}, {_interval(old, confidence, figure)}"
    if old["value"] < -max_loss:
        against.append(f"{seen}: loses more than the {max_loss:.3f}{of} that it may lose on old data")
    elif old["high"] < 0 and old["low"] < -max_loss:
        against.append(f"{seen}: surely loses on old data, and more than the allowed {max_loss:.3f}{of} cannot be excluded")
    else:
        unsure = f"; the rows cannot exclude a loss beyond {max_loss:.3f}{of}" if old["low"] < -max_loss else ""
        notes.append(f"{seen}: within the {max_loss:.3f}{of} that it may lose on old data{unsure}")
    for name, cell in slices.items():
        current, candidate = cell["current_old"], cell["candidate_old"]
        if current["n"] and _collapses(current, candidate, of_slices, max_loss):
            before, now = (of_slices.told(one[of_slices.name]) for one in (current, candidate))
            against.append(
                f"{of_slices.slice} {name!r} collapses on old data: {before} -> {now} "
                f"on {current['n']} rows, intervals do not touch"
            )
    seen = f"on {cells['current_new']['n']} new rows {_told(cells, 'new', figure)}, {_interval(new, confidence, figure)}"
    if new["value"] < min_gain:
        against.append(f"{seen}: gains less than the {min_gain:.3f}{of} that it must gain on new data")
    elif new["low"] <= 0:
        against.append(f"{seen}: a gain on new data is not sure, the interval reaches 0")
    else:
        notes.append(f"{seen}: a sure gain of at least {min_gain:.3f}{of} on new data")
    return ("reject" if against else "accept"), [*against, *notes]


def _collapses(current: dict[str, Any], candidate: dict[str, Any], figure: Figure, max_loss: float) -> bool:
    """Tell whether a slice surely gets worse; an error that grows by no more than may be lost on the whole does not."""
    if not figure.lower_is_better:
        return bool(candidate["high"] < current["low"])
    allowed = current[figure.name] * (1 + max_loss)
    return bool(current["high"] < candidate["low"] and candidate[figure.name] > allowed)


def _indices(values: np.ndarray, classes: int, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or not len(values):
        raise MonitoringError(
            f"{name} must be a list with at least one row, not of shape {values.shape}: the split has no such test rows"
        )
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= classes:
        raise MonitoringError(
            f"{name} must be class indices from 0 to {classes - 1}: check the project's classes against the data"
        )
    return values


def _cell(hits: np.ndarray, confidence: float) -> dict[str, Any]:
    n, good = len(hits), int(hits.sum())
    low, high = wilson(good, n, confidence)
    return {"accuracy": good / n if n else None, "low": low, "high": high, "n": n}


def _difference(current: np.ndarray, candidate: np.ndarray, confidence: float, seed: int) -> dict[str, Any]:
    difference = candidate.astype(np.int8) - current.astype(np.int8)
    low, high = paired_interval(difference, confidence, seed)
    return {
        "value": float(difference.mean()),
        "low": low,
        "high": high,
        "better": int((difference > 0).sum()),
        "worse": int((difference < 0).sum()),
    }


def _told(cells: dict[str, dict[str, Any]], part: str, figure: Figure) -> str:
    before, now = (figure.told(cells[f"{who}_{part}"][figure.name]) for who in ("current", "candidate"))
    return f"{figure.name} {before} -> {now}"


def _interval(difference: dict[str, Any], confidence: float, figure: Figure) -> str:
    word = "better by" if figure.share or figure.lower_is_better else "difference"
    ends = f"{confidence:.0%} interval {difference['low']:+.3f} to {difference['high']:+.3f}"
    return f"{word} {difference['value']:+.3f} ({ends})"
