"""Arrays: statistics of their values, and signatures by which nearly equal ones are found."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from include.data import arrays
from include.data.quality.columns import Measured
from include.data.quality.lots import Lot
from include.projects.content import ArrayContent

if TYPE_CHECKING:
    import numpy as np

MEASURES = ("minimum", "maximum", "mean", "deviation")
CELLS = 64  # values of a signature
VALUES = 1 << 20  # worked on at a time
TABLES, PROJECTIONS = 12, 6
SEED = 20


class ArrayReader:
    """Measures arrays; what is not finite counts as missing.

    Args:
        form: dtype, shape and range.
    """

    def __init__(self, form: ArrayContent) -> None:
        self.form = form
        self.measured = [Measured(name, "number") for name in MEASURES]

    def read(self, contents: Sequence[bytes | None]) -> Lot:
        """Measure arrays; one of another size is unreadable."""
        import numpy as np
        import pyarrow as pa

        size, cells = arrays.size(self.form), prod(self.form.shape)
        good = [place for place, content in enumerate(contents) if content is not None and len(content) == size]
        lot = Lot({}, unreadable={n: f"it does not have {size} bytes" for n in set(range(len(contents))) - set(good)})
        found = np.full((len(MEASURES), len(contents)), np.nan)
        lot.signatures = np.zeros((len(contents), min(CELLS, cells)), np.uint8)
        step = max(1, VALUES // cells)
        for begin in range(0, len(good), step):
            at = np.array(good[begin : begin + step], dtype=np.int64)
            joined = bytearray().join(contents[place] for place in at)  # type: ignore[misc]
            values = np.frombuffer(joined, self.form.dtype).reshape(len(at), cells).astype(np.float64)
            values[~np.isfinite(values)] = np.nan
            lot.signatures[at] = self._signatures(values)
            some = ~np.isnan(values).all(axis=1)
            known = values[some]
            if len(known):
                with np.errstate(over="ignore", invalid="ignore"):
                    measures = [np.nanmin(known, 1), np.nanmax(known, 1), np.nanmean(known, 1), np.nanstd(known, 1)]
                found[:, at[some]] = measures
        found[~np.isfinite(found)] = np.nan
        lot.arrays = {name: pa.array(found[row], from_pandas=True) for row, name in enumerate(MEASURES)}
        return lot

    def _signatures(self, values: np.ndarray) -> np.ndarray:
        """Return arrays as means of at most `CELLS` stretches, in 256 steps of the range."""
        import numpy as np

        edges = np.linspace(0, values.shape[1], min(CELLS, values.shape[1]), endpoint=False).astype(np.int64)
        low, high = self.form.range
        known = np.nan_to_num(values, nan=low)
        widths = np.diff(np.append(edges, values.shape[1]))
        with np.errstate(over="ignore"):
            means = np.add.reduceat(known, edges, axis=1) / widths
        with np.errstate(over="ignore", invalid="ignore"):
            steps = (np.clip(means, low, high) - low) / ((high - low) or 1) * 255
        return np.nan_to_num(steps).astype(np.uint8)

    def close(self, first: np.ndarray, second: np.ndarray, similarity: float) -> np.ndarray:
        """Tell whether two arrays differ, in the mean of squares, by less than a quarter of what similarity leaves."""
        import numpy as np

        gap = first.astype(np.float32) - second.astype(np.float32)
        return np.sqrt((gap * gap).mean(axis=1)) <= _radius(similarity)

    def bands(self, signatures: np.ndarray, similarity: float) -> np.ndarray:
        """Return places in random directions, cut into steps: near arrays share most steps of some directions."""
        import numpy as np

        random = np.random.default_rng(SEED)
        width = 4 * _radius(similarity) * np.sqrt(signatures.shape[1])
        found = np.empty((len(signatures), TABLES), np.uint64)
        values = signatures.astype(np.float32)
        for table in range(TABLES):
            directions = random.normal(size=(signatures.shape[1], PROJECTIONS)).astype(np.float32)
            steps = np.floor(values @ directions / width + random.uniform(size=PROJECTIONS)).astype(np.int64)
            mixed = np.zeros(len(signatures), np.uint64)
            for one in range(PROJECTIONS):
                mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + steps[:, one].astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
            found[:, table] = mixed ^ (mixed >> np.uint64(31))
        return found


def _radius(similarity: float) -> float:
    return max(255 * (1 - similarity) / 4, 0.5)
