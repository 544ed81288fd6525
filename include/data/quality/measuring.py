"""Measuring a round: one pass over its table, in stretches that memory holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.data import labels
from include.data.quality.columns import FIELDS, ID, Columns
from include.data.quality.lots import Reader
from include.data.quality.verdicts import EXAMPLES
from include.projects import Project

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

LOT_ROWS, LOT_BYTES = 100_000, 64 << 20
PLACED = ("detection", "segmentation", "tagging", "question_answering")  # tasks whose labels lie inside of contents


@dataclass
class Told:
    """Problems of items: how many, and the first ones by row."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, begin: int, problems: Iterable[tuple[int, str]]) -> None:
        """Add problems by place behind row ``begin``."""
        for place, problem in problems:
            self.count += 1
            if len(self.first) < EXAMPLES:
                self.first.append((begin + place, problem))

    def examples(self, columns: Columns) -> list[str]:
        """Return them as ``key: problem``."""
        keys = columns.keys([row for row, _ in self.first])
        return [f"{key}: {problem}" for key, (_, problem) in zip(keys, self.first, strict=True)]


@dataclass
class Measures:
    """What was measured of a round.

    Attributes:
        columns: a column for each measure, closed for reading.
        signatures: (n, ...); None where the kind of content has none.
        unreadable: contents that are none.
        wrong: rows with a value of another type.
        mismatch: labels that reach out of what they label.
    """

    columns: Columns
    signatures: np.ndarray | None = None
    unreadable: Told = field(default_factory=Told)
    wrong: Told = field(default_factory=Told)
    mismatch: Told = field(default_factory=Told)


def measure(file: pq.ParquetFile, project: Project, columns: Columns, reader: Reader | None) -> Measures:
    """Measure every item of an open table.

    Args:
        file: the table.
        project: its task, for labels that lie inside of contents.
        columns: takes the measures.
        reader: of the kind of content; None leaves contents alone.
    """
    import numpy as np
    import pyarrow as pa

    found, signatures, begin = Measures(columns), [], 0
    for table in _lots(file, reader is not None):
        arrays = {name: _one(table[plain], columns.schema.field(name).type) for plain, name in FIELDS.items()}
        ids = [bytes.fromhex(one)[:16] if one else bytes(16) for one in table["item_id"].to_pylist()]
        arrays[ID] = pa.array(ids, pa.binary(16))
        if reader is not None:
            lot = reader.read(table["content"].to_pylist())
            arrays |= lot.arrays
            if lot.signatures is not None:
                signatures.append(lot.signatures)
            found.unreadable.add(begin, sorted(lot.unreadable.items()))
            found.wrong.add(begin, sorted(lot.wrong.items()))
            if lot.contexts is not None and project.task in PLACED:
                found.mismatch.add(begin, _misfits(table["label"].to_pylist(), lot.contexts, project))
        columns.add(arrays)
        begin += table.num_rows
    columns.done()
    found.signatures = np.concatenate(signatures) if signatures else None
    return found


def _misfits(said: Sequence[str | None], contexts: Sequence[Any], project: Project) -> Iterator[tuple[int, str]]:
    for place, (label, context) in enumerate(zip(said, contexts, strict=True)):
        if label is None or context is None or labels.problem(label, project) is not None:
            continue  # what is no label at all is another check's
        if problem := labels.problem(label, project, context):
            yield place, problem


def _lots(file: pq.ParquetFile, contents: bool) -> Iterator[pa.Table]:
    """Yield the table in stretches of whole row groups, small enough to be held in memory."""
    wanted = ["item_id", *FIELDS, *(["content"] if contents else [])]
    there = [name for name in wanted if name in file.schema_arrow.names]
    groups: list[int] = []
    rows = size = 0
    for group in range(file.num_row_groups):
        about = file.metadata.row_group(group)
        if groups and (rows + about.num_rows > LOT_ROWS or size + about.total_byte_size > LOT_BYTES):
            yield _filled(file.read_row_groups(groups, columns=there), wanted)
            groups, rows, size = [], 0, 0
        groups.append(group)
        rows, size = rows + about.num_rows, size + about.total_byte_size
    if groups:
        yield _filled(file.read_row_groups(groups, columns=there), wanted)


def _filled(table: pa.Table, wanted: Sequence[str]) -> pa.Table:
    """Return a table with the columns that a round lacks, all null."""
    import pyarrow as pa

    for name in wanted:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    return table


def _one(column: pa.ChunkedArray, type_: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.concat_arrays([chunk.cast(type_) for chunk in column.chunks]) if column.num_chunks else pa.nulls(0, type_)
