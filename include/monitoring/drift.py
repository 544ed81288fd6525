"""How far a window of production rows is from the model's reference: PSI with its own zero.

PSI of two samples of one population is not 0: with K bins it is about (K - 1) (1/n + 1/m). For 200 rows and
ten bins that is a quarter of the usual alarm threshold, so the reference carries what its own rows give by
chance and the score is what goes beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from include.monitoring.errors import MonitoringError
from include.monitoring.logged import answered
from include.monitoring.mixture import explain
from include.monitoring.sketch import NoDrift, Sketch, choose_edges, count_codes, measure
from include.projects.project import Project

SMOOTHING = 0.5
DRAWS = 500
MAX_CALIBRATION_ROWS = 5000
MIN_REFERENCE_ROWS = 20
TOP_FEATURES = 5


@dataclass(frozen=True)
class Score:
    """Result of one comparison.

    Attributes:
        score: mean PSI over the features beyond what chance gives; 0 is no drift, 0.2 a clear one.
        top_features: the features that moved most: name, psi, and the shares of rows in the reference's lowest and
            highest bin, before and now.
        labels: PSI of the predicted labels beyond chance and the shares of each class, before and now.
        confidence: mean highest probability before and now, and the drop.
        not_finite: share of feature values of the window that are NaN or infinite.
    """

    score: float
    top_features: list[dict[str, Any]]
    labels: dict[str, Any]
    confidence: dict[str, float | None]
    not_finite: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def psi(reference: np.ndarray, current: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Population stability index of counts over the last axis, with Laplace smoothing.

    Args:
        reference: counts (..., K).
        current: counts (..., K).
        used: bool, broadcast to (..., K): bins that exist.

    Returns:
        float (...): sum of (q - p) ln(q / p), never negative.
    """

    def shares(counts: np.ndarray) -> np.ndarray:
        smooth = np.where(used, counts + SMOOTHING, 0.0)
        return smooth / smooth.sum(-1, keepdims=True)

    p, q = shares(reference), shares(current)
    one = np.ones_like(p)
    ratio = np.log(np.divide(q, p, out=one, where=np.broadcast_to(used, p.shape)))
    return ((q - p) * ratio).sum(-1)


def used_bins(sketch: Sketch) -> np.ndarray:
    """Return which columns of ``sketch.counts`` are bins of each feature, bool (F, width)."""
    width = sketch.counts.shape[1]
    used = np.arange(width) <= np.array([len(e) for e in sketch.edges])[:, None]
    used[:, -1] = True
    return used


def drift_score(reference: Sketch, window: Sketch) -> Score:
    """Compare a window with the reference it was counted by.

    Args:
        reference: the model's reference sketch.
        window: made by ``reference.blank().add(...)``.

    Raises:
        MonitoringError: other bins, or one of the two is empty.
    """
    if (reference.features, reference.classes, reference.edges) != (window.features, window.classes, window.edges):
        raise MonitoringError("the window was counted in other bins than the reference's: count it again from this reference")
    if not window.rows or not reference.rows:
        raise MonitoringError("a sketch without rows cannot be compared: wait for a full window")
    used = used_bins(reference)
    bias = _bias(reference, window.rows, used)
    excess = _psi(reference, window, used) - bias
    top = []
    for j in np.argsort(-excess, kind="stable")[:TOP_FEATURES]:
        moved = round(max(0.0, float(excess[j])), 4)
        top.append({"name": reference.features[j], "psi": moved, **_outside(reference, window, int(j))})
    return Score(
        score=round(max(0.0, float(excess.mean())), 6),
        top_features=top,
        labels=_labels(reference, window),
        confidence=_confidence(reference, window),
        not_finite=round(float(window.counts[:, -1].sum()) / (window.rows * len(window.features)), 6),
    )


def _psi(reference: Sketch, window: Sketch, used: np.ndarray) -> np.ndarray:
    """Return the PSI of each feature to the reference, or to the mix of its groups where that explains the window better."""
    whole = psi(reference.counts, window.counts, used)
    if len(reference.groups) < 2:
        return whole
    expected, _ = explain(reference.groups, window.counts, used)
    mixed = psi(expected * reference.rows, window.counts, used)
    return mixed if mixed.mean() < whole.mean() else whole


def _bias(reference: Sketch, rows: int, used: np.ndarray) -> np.ndarray:
    by_size = (1 / reference.rows) + (1 / rows)
    if reference.no_drift is None:
        return ((used & (reference.counts > 0)).sum(1) - 1) * by_size
    at_calibration = (1 / reference.rows) + (1 / reference.no_drift.rows)
    return np.array(reference.no_drift.bias) * (by_size / at_calibration)


def _outside(reference: Sketch, window: Sketch, j: int) -> dict[str, float]:
    def below_above(sketch: Sketch) -> tuple[float, float]:
        last = len(sketch.edges[j])
        return float(sketch.counts[j, 0]) / sketch.rows, float(sketch.counts[j, last]) / sketch.rows

    (low0, high0), (low1, high1) = below_above(reference), below_above(window)
    return {"low_before": round(low0, 4), "low_now": round(low1, 4), "high_before": round(high0, 4), "high_now": round(high1, 4)}


def _labels(reference: Sketch, window: Sketch) -> dict[str, Any]:
    used = np.ones(len(reference.labels), bool)
    bias = (np.count_nonzero(reference.labels) - 1) * (1 / reference.rows + 1 / window.rows)
    names = (*reference.classes, "(unknown)")
    return {
        "psi": round(max(0.0, float(psi(reference.labels, window.labels, used) - bias)), 4),
        "before": {n: round(int(c) / reference.rows, 4) for n, c in zip(names, reference.labels, strict=True)},
        "now": {n: round(int(c) / window.rows, 4) for n, c in zip(names, window.labels, strict=True)},
    }


def _confidence(reference: Sketch, window: Sketch) -> dict[str, float | None]:
    before, now = reference.mean_confidence, window.mean_confidence
    drop = None if before is None or now is None else round(before - now, 4)
    return {"before": before and round(before, 4), "now": now and round(now, 4), "drop": drop}


def calibrate(sketch: Sketch, codes: np.ndarray, rows: int, draws: int = DRAWS, seed: int = 0) -> NoDrift:
    """Find out what the score does without drift.

    Both samples are drawn again from the reference rows, so that the uncertainty of the reference itself counts too.

    Args:
        sketch: the reference.
        codes: bins of its rows, int (n, F).
        rows: rows of a window.
        draws: bootstrap windows.
        seed: seed of the draws.
    """
    rng = np.random.default_rng(seed)
    if len(codes) > MAX_CALIBRATION_ROWS:
        codes = codes[rng.choice(len(codes), MAX_CALIBRATION_ROWS, replace=False)]
    n, width, used = len(codes), sketch.counts.shape[1], used_bins(sketch)
    found = np.empty((draws, len(sketch.features)))
    for i in range(draws):
        reference = count_codes(codes[rng.integers(n, size=n)], width)
        found[i] = psi(reference, count_codes(codes[rng.integers(n, size=rows)], width), used)
    bias = found.mean(0)
    scores = np.maximum(0, (found - bias).mean(1))
    return NoDrift(
        rows=rows,
        bias=tuple(round(float(b), 9) for b in bias),
        quantile_99=round(float(np.quantile(scores, 0.99)), 6),
        draws=draws,
        seed=seed,
    )


def reference_sketch(
    project: Project,
    contents: Any,
    labels_idx: np.ndarray,
    probabilities: np.ndarray,
    groups: Sequence[str] | None = None,
) -> Sketch:
    """Make the reference that is kept with a model.

    Use rows that the model has not been trained on: its confidence on training rows is too high.

    Args:
        project: the project.
        contents: items, as `include.data.load_part` gives them (n).
        labels_idx: the model's predicted classes, int (n,); not looked at in tasks other than classification.
        probabilities: the model's probabilities, float (n, C), or its outputs (n, ...) in other tasks, which are watched
            as features are.
        groups: the kind of each row, n names, where the model was trained on several kinds: a window of any mix of them
            is no drift. Kinds of fewer than 20 rows are left out.

    Raises:
        MonitoringError: too few rows, or shapes that do not fit.
    """
    if len(contents) < MIN_REFERENCE_ROWS:
        raise MonitoringError(
            f"a reference needs at least {MIN_REFERENCE_ROWS} rows, not {len(contents)}: give the whole test part"
        )
    names, values = measure(project, contents)
    if project.task == "classification":
        probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels_idx)
        if probabilities.shape != (len(contents), len(project.classes)):
            raise MonitoringError(
                f"probabilities must be ({len(contents)}, {len(project.classes)}), one row an item and one column a class, "
                f"not {probabilities.shape}"
            )
        classes, confidence = project.classes, probabilities.max(1)
    else:
        more, said, confidence = answered(predictions_of(project, np.asarray(probabilities)))
        names, values = [*names, *more], np.concatenate([values, said], axis=1)
        classes, labels = [], np.full(len(values), -1)
    blank = Sketch.empty(names, classes, [choose_edges(values[:, j]) for j in range(len(names))])
    sketch = blank.add(values, labels, confidence)
    codes = blank.codes(values)
    names_of = np.asarray(groups if groups is not None else [""] * len(contents))
    kinds = [names_of == kind for kind in sorted(set(names_of.tolist()))]
    counted = [count_codes(codes[kind], sketch.counts.shape[1]) for kind in kinds if kind.sum() >= MIN_REFERENCE_ROWS]
    return replace(
        sketch,
        no_drift=calibrate(sketch, codes, project.monitoring.window_rows),
        groups=tuple(counted) if len(counted) > 1 else (),
    )


def window_sketch(
    reference: Sketch,
    project: Project,
    contents: Any,
    labels: list[str],
    confidence: np.ndarray,
    names_said: Sequence[str] = (),
    said: np.ndarray | None = None,
) -> Sketch:
    """Count production rows in the reference's bins.

    Args:
        reference: the model's reference.
        project: the project.
        contents: items as they were sent: an array (n, *shape), texts (n,), or columns by name.
        labels: predicted class names, n.
        confidence: highest probability of each row, float (n,).
        names_said: names of what a release said in tasks other than classification.
        said: those numbers, float (n, names).

    Raises:
        MonitoringError: the features component no longer gives the reference's features.
    """
    names, values = measure(project, contents)
    if said is not None and len(names_said):
        names, values = [*names, *names_said], np.concatenate([values, said], axis=1)
    if tuple(names) != reference.features:
        raise MonitoringError(
            f"project {project.name}: components.features gives other features than the release's reference: "
            "train and release a model with this component, or restore it"
        )
    index = {name: i for i, name in enumerate(reference.classes)}
    return reference.blank().add(values, np.array([index.get(label, -1) for label in labels], np.int64), confidence)


def predictions_of(project: Project, outputs: np.ndarray) -> list[dict[str, Any]]:
    """Return a model's outputs as a release says them."""
    from include.inference.predictions import of_outputs
    from include.projects.answers import postprocess, trained

    found = trained(outputs, project.task) or postprocess(project.task)(outputs.reshape(len(outputs), -1))
    return of_outputs(project, found)
