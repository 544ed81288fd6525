"""Outliers: values far from all others, of one column or of all numbers of an item together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.data.errors import ReferenceFault
from include.data.quality.columns import Columns
from include.projects.quality import Outliers

if TYPE_CHECKING:
    import numpy as np

THRESHOLDS = {"robust_z": 8.0, "iqr": 3.0, "isolation_forest": 0.7}
FOREST_ROWS = 200_000  # of the forest: judged at a time, and what it is grown from is less
TOGETHER = "all numbers together"


def outliers(columns: Columns, wanted: Outliers) -> dict[str, np.ndarray]:
    """Return the rows of outliers by column; under `TOGETHER` for a forest.

    Raises:
        ReferenceFault: a column is not there or holds no numbers.
    """
    names = columns.numeric() if wanted.columns is None else wanted.columns
    if unknown := [name for name in names if name not in columns.numeric()]:
        known = ", ".join(columns.numeric()) or "none"
        where = "data.quality.outliers.columns"
        raise ReferenceFault(where, f"{unknown[0]} is no column of numbers that may be shown", f"Columns are {known}")
    threshold = wanted.threshold or THRESHOLDS[wanted.method]
    if wanted.method == "isolation_forest":
        return {TOGETHER: _forest(columns, names, threshold)} if names and columns.count else {}
    find = robust_z if wanted.method == "robust_z" else iqr
    return {name: find(columns.numbers(name), threshold) for name in names}


def robust_z(values: np.ndarray, threshold: float) -> np.ndarray:
    """Return the places of values (n,) more than ``threshold`` deviations from the median; NaN is none.

    The deviation is 1.4826 times the median distance from the median; where more than half of the values are equal
    that is 0, and the standard deviation stands in.
    """
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return np.empty(0, np.int64)
    middle = np.median(known)
    distance = np.abs(known - middle)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = 1.4826 * np.median(distance) or known.std()
    return np.flatnonzero(np.abs(values - middle) > threshold * spread) if spread else np.empty(0, np.int64)


def iqr(values: np.ndarray, threshold: float) -> np.ndarray:
    """Return the places of values (n,) more than ``threshold`` quartile ranges beyond the quartiles."""
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return np.empty(0, np.int64)
    low, high = np.percentile(known, [25, 75])
    reach = threshold * (high - low)
    return np.flatnonzero((values < low - reach) | (values > high + reach)) if reach else np.empty(0, np.int64)


def _forest(columns: Columns, names: list[str], threshold: float) -> np.ndarray:
    import numpy as np
    from sklearn.ensemble import IsolationForest

    table = np.empty((columns.count, len(names)), np.float32)
    for place, name in enumerate(names):
        values = columns.numbers(name)
        known = values[~np.isnan(values)]
        middle, spread = (np.median(known), known.std() or 1.0) if len(known) else (0.0, 1.0)
        table[:, place] = np.clip((np.nan_to_num(values, nan=middle) - middle) / spread, -1e6, 1e6)
    some = np.random.default_rng(0).permutation(columns.count)[:FOREST_ROWS]
    forest = IsolationForest(n_estimators=100, random_state=0).fit(table[np.sort(some)])
    parts = [table[begin : begin + FOREST_ROWS] for begin in range(0, len(table), FOREST_ROWS)]
    return np.flatnonzero(np.concatenate([-forest.score_samples(part) for part in parts]) > threshold)
