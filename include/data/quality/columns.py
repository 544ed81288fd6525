"""Columns: what was measured of each item, on this machine's disk, and read back one column at a time.

A round of a million rows is checked column by column, so what is held in memory is one column, not the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from include.projects.content import ColumnType

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

KEY, LABEL, ID = "@key", "@label", "@id"
FIELDS = {"label": LABEL, "key": KEY, "group": "@group", "source": "@source", "taken_at": "@taken_at"}
TYPES: dict[str, ColumnType] = {KEY: "text", LABEL: "category", "@group": "text", "@source": "category", "@taken_at": "time"}


@dataclass(frozen=True)
class Measured:
    """One column of `Columns`.

    Attributes:
        name: of the table's column, or of the measure.
        type: of its values.
        personal: its values are never shown.
        declared: it is a column of project.yaml, not a measure.
    """

    name: str
    type: ColumnType
    personal: bool = False
    declared: bool = False


class Columns:
    """Typed columns of a round's items; written batch by batch, then closed by `done`, then read.

    Args:
        path: of the file that holds them.
        measured: the columns that the kind of content gives, in order.
    """

    def __init__(self, path: Path, measured: Sequence[Measured]) -> None:
        import pyarrow as pa

        self.measured = {one.name: one for one in measured}
        self.count = 0
        self.hide_keys = False  # where keys are personal data themselves
        own = {KEY: pa.string(), LABEL: pa.string(), ID: pa.binary(16), "@group": pa.string(), "@source": pa.string()}
        fields = [(name, type_) for name, type_ in own.items()] + [("@taken_at", pa.timestamp("us", tz="UTC"))]
        self.schema = pa.schema(fields + [(one.name, arrow_type(one.type)) for one in measured])
        self._path = path
        self._writer: Any = pa.ipc.new_file(str(path), self.schema)
        self._file: Any = None

    def add(self, arrays: Mapping[str, pa.Array]) -> None:
        """Write a batch: an array of equal length for each column."""
        import pyarrow as pa

        batch = pa.RecordBatch.from_arrays([arrays[name] for name in self.schema.names], schema=self.schema)
        self.count += batch.num_rows
        self._writer.write_batch(batch)

    def done(self) -> None:
        """End writing."""
        import pyarrow as pa

        self._writer.close()
        self._file = pa.ipc.open_file(pa.memory_map(str(self._path)))

    def arrow(self, name: str) -> pa.ChunkedArray:
        """Return a column as it lies on the disk, without copying it."""
        import pyarrow as pa

        batches = (self._file.get_batch(number) for number in range(self._file.num_record_batches))
        return pa.chunked_array([batch.column(name) for batch in batches], self.schema.field(name).type)

    def series(self, name: str) -> pd.Series:
        """Return a column as pandas holds it; missing values are NaN, NA or NaT."""
        import pandas as pd
        import pyarrow as pa

        kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
        return pa.table({name: self.arrow(name)}).to_pandas(types_mapper=kinds.get)[name]

    def numbers(self, name: str) -> np.ndarray:
        """Return a column of numbers as float64 (n,), NaN where it is missing."""
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.fill_null(pc.cast(self.arrow(name), pa.float64()), float("nan")).to_numpy()

    def frame(self, names: Iterable[str]) -> pd.DataFrame:
        """Return some columns together."""
        import pandas as pd

        return pd.DataFrame({name: self.series(name) for name in names})

    def keys(self, rows: Iterable[int]) -> list[str]:
        """Return the keys of some rows; their numbers, from 1, where keys are hidden."""
        if self.hide_keys:
            return [f"row {int(row) + 1}" for row in rows]
        keys = self.arrow(KEY)
        return [str(keys[int(row)].as_py()) for row in rows]

    def ids(self) -> np.ndarray:
        """Return the first 16 bytes of each item id, ``S16`` (n,)."""
        import numpy as np

        return np.array(self.arrow(ID).to_pylist(), "S16")

    def numeric(self) -> list[str]:
        """Return the names of the columns of numbers that may be shown."""
        return [name for name, one in self.measured.items() if one.type in ("number", "integer") and not one.personal]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is None:
            self._writer.close()


def arrow_type(type_: ColumnType) -> pa.DataType:
    """Return how Arrow holds a type of column."""
    import pyarrow as pa

    types = {
        "number": pa.float64(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    return types.get(type_, pa.string())
