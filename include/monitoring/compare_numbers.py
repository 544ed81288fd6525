"""The decision between two models that answer with numbers, by the metric that the project's gate asks for.

Rule and words are those of `include.monitoring.compare`. A difference above 0 is for the candidate, whichever way the
metric gets better. The share of explained variance (r2) is compared as it is. Every other metric has the unit of the
labels, in which a limit between 0 and 1 says nothing: there the difference is the share of the current model's figure
by which the candidate is better, so that 0.1 means an error that is a tenth smaller.

Instead of classes, the quarters of the old data's true values are looked at one by one: a model must not become better
on the whole by giving up the highest ones.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from include.monitoring.compare import RESAMPLES, Figure, decide
from include.monitoring.errors import MonitoringError
from include.projects.release import MIN_TEST_ROWS

if TYPE_CHECKING:
    from include.training.metrics import Metric

AS_IT_IS = ("r2",)  # metrics whose differences need no unit
SLICE_ROWS = 10  # fewer rows say nothing about a slice
SLICE_RESAMPLES = 400
VALUES = 40_000_000  # numbers that all resamples of one figure may read; large parts need fewer resamples
LEAST, SECONDS = 200, 120.0

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
"""True values, what the current model says, what the candidate says: float64 (n,) each, of the same rows."""


def compare_numbers(
    old: Rows,
    new: Rows,
    metric: Metric,
    slice_metric: Metric,
    confidence: float = 0.95,
    max_loss_on_old: float = 0.02,
    min_gain_on_new: float = 0.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two models of a regression on old and new test rows and decide.

    Args:
        old: the old rows.
        new: the new rows.
        metric: that decides, with its direction.
        slice_metric: that slices are measured by, in the label's unit or a share of it.
        confidence: of all intervals, which are drawn from whole rows: rows that depend on each other, as windows that
            overlap do, make them narrower than they should be.
        max_loss_on_old: what may be lost on old rows, 0..1.
        min_gain_on_new: what must be gained on new rows, 0..1.
        seed: seed of the bootstrap.

    Returns:
        What `include.monitoring.compare.compare` gives, with ``metric``, ``direction`` and ``slice_metric``; cells hold
        the figure under the metric's name. ``better`` and ``worse`` count the rows that the candidate is nearer to or
        further from the true value of.

    Raises:
        MonitoringError: the rows do not fit together, are empty or not finite, or the metric says nothing about them.
    """
    if not 0.5 < confidence < 1:
        raise MonitoringError(
            f"confidence must lie between 0.5 and 1, not {confidence}: correct retraining.confidence in project.yaml"
        )
    parts = {"old": _checked(old, "old"), "new": _checked(new, "new")}
    cells: dict[str, dict[str, Any]] = {}
    differences: dict[str, dict[str, Any]] = {}
    share = metric.name not in AS_IT_IS
    for number, (part, rows) in enumerate(parts.items()):
        values = _drawn(metric, rows, seed + number, RESAMPLES)
        if not np.isfinite(values[0]).all():
            raise MonitoringError(
                f"{metric.name} says nothing about the {len(rows[0])} {part} test rows: name another metric under "
                "training.gate of project.yaml"
            )
        for place, who in enumerate(("current", "candidate")):
            cells[f"{who}_{part}"] = _cell(metric.name, values[:, place], len(rows[0]), confidence)
        differences[part] = _difference(metric, values, rows, share, confidence)
    figure = Figure(metric.name, metric.direction == "min", share)
    slices = _slices(parts, slice_metric, confidence, seed)
    of_slices = Figure(slice_metric.name, slice_metric.direction == "min", slice="rows of true value")
    decision, reasons = decide(
        cells, slices, differences["old"], differences["new"], max_loss_on_old, min_gain_on_new, confidence, figure, of_slices
    )
    return {
        "metric": metric.name,
        "direction": metric.direction,
        "slice_metric": slice_metric.name,
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
            "of": f"share of the current model's {metric.name}" if share else metric.name,
            "min_rows": MIN_TEST_ROWS,
            "resamples": RESAMPLES,
            "seed": seed,
        },
    }


def _checked(rows: Rows, part: str) -> Rows:
    truth, current, candidate = (np.asarray(one, dtype=np.float64) for one in rows)
    if truth.ndim != 1 or not len(truth):
        raise MonitoringError(
            f"the true values of the {part} rows must be a list with at least one row, not of shape {truth.shape}: "
            "the split has no such test rows"
        )
    for who, said in (("current", current), ("candidate", candidate)):
        if said.shape != truth.shape:
            raise MonitoringError(
                f"the {who} model gives {said.shape} for {len(truth)} {part} rows: a regression gives one number a row"
            )
        if not np.isfinite(said).all():
            raise MonitoringError(f"the {who} model gives numbers that are not finite for {part} rows: it cannot be judged")
    return truth, current, candidate


def _drawn(metric: Metric, rows: Rows, seed: int, resamples: int) -> np.ndarray:
    """Return the figures of both models, float (1 + draws, 2): the first of the rows as they are, then of rows drawn again.

    Both models are measured on the same draw, so that what is hard for both is no difference.
    """
    truth, current, candidate = rows
    count = max(LEAST, min(resamples, VALUES // len(truth)))
    rng, begun = np.random.default_rng(seed), time.monotonic()
    found = [[metric.function(truth, current), metric.function(truth, candidate)]]
    for _ in range(count):
        drawn = rng.integers(0, len(truth), len(truth))
        found.append([metric.function(truth[drawn], said[drawn]) for said in (current, candidate)])
        if time.monotonic() - begun > SECONDS:
            raise MonitoringError(
                f"{metric.name} of {len(truth)} rows takes too long for an interval: name a faster one under training.gate"
            )
    return np.array(found, dtype=np.float64)


def _ends(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the interval of a figure from its draws; draws that say nothing are left out."""
    said = values[np.isfinite(values)]
    low, high = np.quantile(said, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _cell(name: str, values: np.ndarray, n: int, confidence: float) -> dict[str, Any]:
    low, high = _ends(values, confidence)
    return {name: float(values[0]), "low": low, "high": high, "n": n}


def _difference(metric: Metric, values: np.ndarray, rows: Rows, share: bool, confidence: float) -> dict[str, Any]:
    found = _better_by(metric, values, share)
    low, high = _ends(found, confidence)
    truth, current, candidate = rows
    nearer = np.abs(current - truth) - np.abs(candidate - truth)
    return {
        "value": float(found[0]),
        "low": low,
        "high": high,
        "better": int((nearer > 0).sum()),
        "worse": int((nearer < 0).sum()),
    }


def _better_by(metric: Metric, values: np.ndarray, share: bool) -> np.ndarray:
    """Return by how much the candidate is better in each draw; of a current figure of 0 every step is a whole one."""
    gain = (values[:, 0] - values[:, 1]) * (1 if metric.direction == "min" else -1)
    if not share:
        return gain
    scale = np.abs(values[:, 0])
    return np.where(scale > 0, gain / np.where(scale > 0, scale, 1.0), np.sign(gain))


def _slices(parts: Mapping[str, Rows], metric: Metric, confidence: float, seed: int) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the cells of the quarters of the old data's true values; a quarter of few rows has no figure."""
    edges = np.unique(np.quantile(parts["old"][0], [0.25, 0.5, 0.75]))
    names = [f"below {edges[0]:.4g}"]
    names += [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    names.append(f"from {edges[-1]:.4g}")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for place, name in enumerate(names):
        cells: dict[str, dict[str, Any]] = {}
        for part, rows in parts.items():
            inside = np.searchsorted(edges, rows[0], side="right") == place
            n = int(inside.sum())
            some = tuple(one[inside] for one in rows)
            values = _drawn(metric, some, seed + place, SLICE_RESAMPLES) if n >= SLICE_ROWS else None  # type: ignore[arg-type]
            known = values is not None and np.isfinite(values[0]).all()
            for at, who in enumerate(("current", "candidate")):
                none = {metric.name: None, "low": 0.0, "high": 0.0, "n": 0}
                cells[f"{who}_{part}"] = _cell(metric.name, values[:, at], n, confidence) if known else none  # type: ignore[index]
        found[name] = {key: cells[key] for key in ("current_old", "current_new", "candidate_old", "candidate_new")}
    return found
