"""Rows of a table: read from their JSON into typed columns."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from include.data.quality.columns import Measured, arrow_type
from include.data.quality.lots import Lot
from include.data.times import moment_of, text
from include.projects.content import Column, TableContent

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

DIGITS = 3  # numbers that agree in so many are nearly equal


class TableReader:
    """Reads rows; a value of another type than its column's counts as missing, and is told.

    Args:
        form: the columns.
    """

    def __init__(self, form: TableContent) -> None:
        self.form = form
        self.measured = [Measured(name, one.type, one.personal, declared=True) for name, one in form.columns.items()]
        # A key of its own in every row would make no two rows nearly equal.
        self._compared = [name for name, one in form.columns.items() if not one.unique and one.type != "time"]

    def read(self, contents: Sequence[bytes | None]) -> Lot:
        """Read rows; at once where all are well, one by one where not."""
        table = self._fast(contents)
        lot = Lot({}) if table is None else Lot({name: _whole(table[name]) for name in self.form.columns})
        if table is None:
            self._slow(contents, lot)
        for name in [one.name for one in self.measured if one.type == "number"]:
            self._finite(name, lot)
        lot.signatures = self._signatures(lot.arrays, len(contents))
        if {"context", "question"} <= self.form.columns.keys():
            lot.contexts = [{"context": context} for context in lot.arrays["context"].to_pylist()]
        return lot

    def _fast(self, contents: Sequence[bytes | None]) -> pa.Table | None:
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.json as pj

        if not contents or None in contents:
            return None
        raw = b"\n".join(contents)  # type: ignore[arg-type]
        # A row may not be longer than a block.
        block = max(4 << 20, 2 * max(map(len, contents)))  # type: ignore[arg-type]
        # Times are read as text: Arrow's JSON reader takes no zone with a fraction of a second.
        types = {one.name: pa.string() if one.type == "time" else arrow_type(one.type) for one in self.measured}
        how = pj.ParseOptions(explicit_schema=pa.schema(list(types.items())), unexpected_field_behavior="error")
        try:
            table = pj.read_json(io.BytesIO(raw), pj.ReadOptions(block_size=block), how)
            if table.num_rows != len(contents):
                return None
            for place, one in enumerate(self.measured):
                if one.type == "time":
                    table = table.set_column(place, one.name, pc.cast(table[one.name], arrow_type("time")))
            return table
        except pa.ArrowInvalid:
            return None

    def _slow(self, contents: Sequence[bytes | None], lot: Lot) -> None:
        import orjson
        import pyarrow as pa

        found: dict[str, list[Any]] = {name: [] for name in self.form.columns}
        for place, content in enumerate(contents):
            try:
                row = orjson.loads(content) if content is not None else None
                if not isinstance(row, dict):
                    raise ValueError("it is no object")
            except ValueError as cause:
                lot.unreadable[place] = f"no row of a table: {text(cause)[:80]}"
                row = {}
            wrong = [f"{name} is no column" for name in sorted(row.keys() - found.keys())]
            for name, column in self.form.columns.items():
                value, good = _typed(row.get(name), column)
                found[name].append(value)
                if not good:
                    wrong.append(f"{name} is no {column.type}")
            if wrong:
                lot.wrong[place] = ", ".join(wrong[:3])
        lot.arrays = {name: pa.array(values, arrow_type(self.form.columns[name].type)) for name, values in found.items()}

    def _finite(self, name: str, lot: Lot) -> None:
        """Take out NaN and infinite numbers: no JSON, but Arrow reads them."""
        import numpy as np
        import pyarrow.compute as pc

        strange = pc.fill_null(pc.invert(pc.is_finite(lot.arrays[name])), False)
        if pc.any(strange).as_py():
            for place in np.flatnonzero(strange.to_numpy(zero_copy_only=False)):
                lot.wrong.setdefault(int(place), f"{name} is not finite")
            lot.arrays[name] = pc.if_else(strange, None, lot.arrays[name])

    def _signatures(self, arrays: dict[str, pa.Array], count: int) -> np.ndarray:
        import numpy as np
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        mixed = np.zeros(count, np.uint64)
        for name in self._compared:
            if arrays[name].type == pa.string():
                said = pc.utf8_trim_whitespace(pc.utf8_lower(pc.utf8_normalize(arrays[name], "NFKC")))
                plain = pc.replace_substring_regex(pc.fill_null(said, "\x00"), r"\s+", " ")
                hashed = pd.util.hash_array(plain.to_numpy(zero_copy_only=False))
            else:
                number = arrays[name].cast(pa.float64()).fill_null(math.nan).to_numpy(zero_copy_only=False)
                hashed = pd.util.hash_array(rounded(number))
            mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hashed
        return mixed[:, None]

    def close(self, first: np.ndarray, second: np.ndarray, similarity: float) -> np.ndarray:
        """Tell whether two rows agree: that is what being in one band means."""
        return (first == second).all(axis=1)

    def bands(self, signatures: np.ndarray, similarity: float) -> np.ndarray:
        """Return the hash of the rounded row."""
        return signatures


def rounded(numbers: np.ndarray) -> np.ndarray:
    """Return numbers (n,) cut to `DIGITS` significant digits; all NaN are one value."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(numbers == 0, 0, np.floor(np.log10(np.abs(numbers))))
        scale = 10.0 ** (DIGITS - 1 - np.clip(size, -290, 290))
        return np.where(np.isnan(numbers), np.nan, np.round(numbers * scale) / scale) + 0.0


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _typed(value: Any, column: Column) -> tuple[Any, bool]:
    """Return a value of a row as its column holds it, and whether it is of that type."""
    if value is None:
        return None, True
    if column.type == "time":
        try:
            return (moment_of(value), True) if isinstance(value, str) else (None, False)
        except ValueError:
            return None, False
    number = isinstance(value, int | float) and not isinstance(value, bool)
    good = {
        "number": number,
        "integer": isinstance(value, int) and number and -(2**63) <= value < 2**63,
        "boolean": isinstance(value, bool),
    }.get(column.type, isinstance(value, str))
    if column.type == "number" and good:
        return float(value), True
    return (value, True) if good else (None, False)
