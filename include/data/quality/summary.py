"""Summaries: the numbers of each column that plots and pages show; small, and without personal values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from include.data.quality.columns import Columns, Measured

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BINS = 30
TOP = 12
CHARS = 60
PLOTTED = 1e100  # no axis can be drawn for larger numbers


def summary(columns: Columns, one: Measured, hidden: bool = False) -> dict[str, Any]:
    """Return what a column looks like.

    Args:
        columns: of the round.
        one: which of them.
        hidden: tell no values, as of a column declared personal.

    Returns:
        ``type``, ``missing`` (a count), and what the type gives: ``least``, ``most``, ``mean``, ``deviation``,
        ``quartiles``, ``histogram`` (``edges``, ``counts``), ``top`` (values with counts), ``distinct``, ``lengths``.
    """
    values = columns.arrow(one.name)
    about: dict[str, Any] = {"type": one.type, "missing": values.null_count}
    if one.personal or hidden:
        return {**about, "personal": True}
    if one.type in ("number", "integer"):
        return {**about, **numbers(columns.numbers(one.name))}
    if one.type == "time":
        return {**about, **_times(values)}
    if one.type == "text":
        return {**about, **_texts(values)}
    return {**about, **_top(values)}


def numbers(values: np.ndarray) -> dict[str, Any]:
    """Return the statistics of numbers (n,); NaN is missing. The histogram leaves out what is far outside."""
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return {}
    low, lower, middle, upper, high = np.percentile(known, [0.5, 25, 50, 75, 99.5])
    with np.errstate(over="ignore", invalid="ignore"):
        about = {"least": known.min(), "most": known.max(), "mean": known.mean(), "deviation": known.std()}
    found: dict[str, Any] = {name: _plain(value) for name, value in about.items()}
    found["quartiles"] = [_plain(one) for one in (lower, middle, upper)]
    if max(abs(low), abs(high)) < PLOTTED:
        counts, edges = np.histogram(known, BINS, (low, high) if high > low else (low - 0.5, low + 0.5))
        found["histogram"] = {"edges": [_plain(one) for one in edges], "counts": counts.tolist()}
    return found


def _texts(values: pa.ChunkedArray) -> dict[str, Any]:
    import numpy as np
    import pyarrow.compute as pc

    lengths = pc.utf8_length(pc.drop_null(values))
    if not len(lengths):
        return {}
    found = numbers(lengths.to_numpy().astype(np.float64))
    return {"lengths": found}


def _top(values: pa.ChunkedArray) -> dict[str, Any]:
    import pyarrow.compute as pc

    counted = [(row["values"], row["counts"]) for row in pc.value_counts(values).to_pylist() if row["values"] is not None]
    counted.sort(key=lambda one: (-one[1], str(one[0])))
    return {"distinct": len(counted), "top": [[str(value)[:CHARS], count] for value, count in counted[:TOP]]}


def _times(values: pa.ChunkedArray) -> dict[str, Any]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.drop_null(values)
    if not len(known):
        return {}
    micros = pc.cast(known, pa.int64()).to_numpy().astype(np.float64)
    ends = pc.min_max(known)
    least, most = (ends[end].as_py().strftime("%Y-%m-%d %H:%M") for end in ("min", "max"))
    return {"least": least, "most": most, "histogram": numbers(micros / 1e6).get("histogram")}


def _plain(value: Any) -> float | None:
    """Return a number as JSON holds it: six significant digits, None where it is not finite."""
    return float(f"{float(value):.6g}") if math.isfinite(value) else None
