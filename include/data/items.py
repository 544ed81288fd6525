"""Items: the rows of a round, kept in one Parquet table with their contents.

Small contents lie beside their description, so that a round of 100,000 items is one object, one upload and one
read, where a file an item would be 100,000 of each. Columns: ``item_id``, ``key`` (the source's own), ``content``
(bytes: `include.data.forms`), ``label``, ``taken_at``, ``source``; ``group`` where the source names one, and nulls
for it is what reading gives elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import DataRepository
from include.data.arrays import size
from include.data.errors import IntegrityError
from include.projects.content import ArrayContent, Content, Files

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

COLUMNS = ("item_id", "key", "content", "label", "taken_at", "source")
GROUP = "group"  # the column that only some rounds have
BATCH = 10_000  # rows held in memory at a time while a table is written or checked
FILE_BATCH = 64  # rows whose contents are files, and may be large
BATCH_BYTES = 64 << 20  # fewer rows than that where their contents are larger


@dataclass(frozen=True)
class Item:
    """One item on its way into a round.

    Attributes:
        key: what the source calls it; unique there.
        content: its bytes, in the form that `include.data.forms` tells.
        label: the true answer, a class name, or None.
        taken_at: when it was made; None where unknown.
        source: where it comes from.
        group: whose it is; items of one group never come apart in a grouped split. None where unknown.
    """

    key: str
    content: bytes
    label: str | None
    taken_at: datetime | None
    source: str
    group: str | None = None


@dataclass
class Totals:
    """What was written: the numbers that describe a round."""

    count: int = 0
    bytes: int = 0
    digest: str = ""
    labelled: int = 0
    labels: Counter[str] = field(default_factory=Counter)


def item_id(content: bytes, form: Content) -> str:
    """Return the id of an item: the SHA-256 of its form and bytes, in hex. Equal contents have equal ids."""
    return _hash(_form(form), content)


def item_ids(contents: Sequence[bytes], form: Content) -> list[str]:
    """Return `item_id` of many contents."""
    begin = _form(form)
    return [_hash(begin, content) for content in contents]


def batch_rows(form: Content) -> int:
    """Return how many rows are held in memory at a time while a table is checked."""
    if isinstance(form, ArrayContent):
        return max(1, min(BATCH, BATCH_BYTES // size(form)))
    return FILE_BATCH if isinstance(form, Files) else BATCH


def write(
    path: Path,
    items: Iterable[Item],
    form: Content,
    grouped: bool = False,
    classes: Callable[[str], list[str]] = lambda label: [label],
) -> Totals:
    """Write items to a Parquet file, a batch at a time.

    Args:
        path: the file.
        items: in the order of the source.
        form: the form of one item.
        grouped: whether the table has the column ``group``.
        classes: what a label counts as (`include.data.labels.classes_of`).

    Returns:
        What was written; its digest is over keys, ids, labels and groups in order, so it does not depend on Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    totals, begin, running = Totals(), _form(form), hashlib.sha256()
    schema = _schema(grouped)
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=["label", "source"]) as writer:
        for batch in _batches(items):
            ids = [_hash(begin, item.content) for item in batch]
            for one, item in zip(ids, batch, strict=True):
                running.update(_line(item.key, one, item.label, item.group if grouped else None))
                totals.bytes += len(item.content)
            totals.labels.update(name for item in batch if item.label is not None for name in classes(item.label))
            totals.labelled += sum(item.label is not None for item in batch)
            totals.count += len(batch)
            names = schema.names[1:]
            arrays = [pa.array(ids, schema.field("item_id").type)]
            arrays += [pa.array([getattr(item, name) for item in batch], schema.field(name).type) for name in names]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    totals.digest = f"sha256:{running.hexdigest()}"
    return totals


@contextmanager
def opened(repository: DataRepository, ref: str, path: str) -> Iterator[pq.ParquetFile]:
    """Give a round's table as an open Parquet file, on this machine's disk for as long as the block lasts.

    Raises:
        IntegrityError: the object is no Parquet table with our columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = f"{repository.name}/{path} at {ref}"
    with TemporaryDirectory(prefix="devmlops-data-") as folder:
        local = Path(folder) / "items.parquet"
        repository.fetch(ref, path, local)
        try:
            file = pq.ParquetFile(local, memory_map=True)
        except (pa.ArrowException, OSError) as cause:
            raise IntegrityError(where, f"no readable Parquet table: {cause}", "Take the round again") from cause
        with file:
            if not set(COLUMNS) <= set(file.schema_arrow.names):
                raise IntegrityError(where, f"columns are {file.schema_arrow.names}", f"A round's table has {list(COLUMNS)}")
            yield file


class Table:
    """The items of a Parquet file on this machine, to be gone through any number of times.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Item]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path, memory_map=True) as file:
            yield from stream(file)

    def ids(self) -> Iterator[tuple[str, str]]:
        """Yield key and id of each item, without its content."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path, memory_map=True) as file:
            for batch in file.iter_batches(BATCH, columns=["key", "item_id"]):
                yield from zip(batch["key"].to_pylist(), batch["item_id"].to_pylist(), strict=True)


def stream(file: pq.ParquetFile) -> Iterator[Item]:
    """Yield the items of an open table, some rows in memory at a time."""
    names = ["key", "content", "label", "taken_at", "source"] + [GROUP] * has_groups(file)
    for batch in file.iter_batches(held(file), columns=names):
        for row in zip(*(batch[name].to_pylist() for name in names), strict=True):
            yield Item(*row)


def read(repository: DataRepository, ref: str, path: str, columns: Sequence[str]) -> pa.Table:
    """Return some columns of a round's table; ``group`` is all null where the round has none."""
    import pyarrow as pa

    with opened(repository, ref, path) as file:
        table = file.read([name for name in columns if name != GROUP or has_groups(file)])
        if GROUP in columns and not has_groups(file):
            table = table.append_column(GROUP, pa.nulls(table.num_rows, pa.string()))
        return table


def held(file: pq.ParquetFile) -> int:
    """Return how many rows of an open table may be held in memory at a time with their contents."""
    total = sum(file.metadata.row_group(place).total_byte_size for place in range(file.metadata.num_row_groups))
    return max(1, min(BATCH, BATCH_BYTES * file.metadata.num_rows // max(total, 1)))


def has_groups(file: pq.ParquetFile) -> bool:
    """Tell whether a round's table has the column ``group``."""
    return GROUP in file.schema_arrow.names


def running_digest(rows: Iterable[tuple[str, str, str | None, str | None]]) -> str:
    """Return the digest of (key, item id, label, group) rows in order, the same as `write` gave."""
    running = hashlib.sha256()
    for key, one, label, group in rows:
        running.update(_line(key, one, label, group))
    return f"sha256:{running.hexdigest()}"


def dump(document: dict[str, Any]) -> bytes:
    """Return a document as canonical JSON: sorted keys, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def digest(document: dict[str, Any]) -> str:
    """Return the digest of a document: ``sha256:`` and the hash of its canonical JSON."""
    return f"sha256:{hashlib.sha256(dump(document)).hexdigest()}"


def _schema(grouped: bool) -> pa.Schema:
    import pyarrow as pa

    # 64-bit offsets: the contents of one round may be more than 2 GiB.
    types = {"content": pa.large_binary(), "taken_at": pa.timestamp("us", tz="UTC")}
    names = (*COLUMNS, GROUP) if grouped else COLUMNS
    return pa.schema([(name, types.get(name, pa.string())) for name in names])


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    held = 0
    for item in items:
        batch.append(item)
        held += len(item.content)
        if len(batch) >= BATCH or held >= BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _form(form: Content) -> bytes:
    if isinstance(form, ArrayContent):
        return f"{form.dtype}:{','.join(map(str, form.shape))}\n".encode()
    return f"{form.kind}\n".encode()


def _hash(begin: bytes, content: bytes) -> str:
    return hashlib.sha256(begin + content).hexdigest()


def _line(key: str, one: str, label: str | None, group: str | None) -> bytes:
    more = "" if group is None else f" {json.dumps(group)}"
    return f"{json.dumps(key)} {one} {json.dumps(label)}{more}\n".encode()
