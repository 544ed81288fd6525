"""What is in a file: rows of CSV, JSON Lines and Parquet, or one array or image."""

from __future__ import annotations

import csv
import io
import json
import posixpath
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from include.data.items import Item
from include.data.sources.base import family
from include.data.sources.records import Records
from include.data.sources.wholes import WholeFiles
from include.data.times import text
from include.projects.content import Content
from include.projects.sources import ITEM_FORMATS, FilesSource

MAX_LINE = 32 << 20  # bytes of one line or CSV field
BATCH = 512  # rows of Parquet in memory at a time


class FileReader:
    """Reads one file into items; what is no item is noted and left out.

    Args:
        spec: format, and fields of a row.
        form: the form of an item.
        records: makes items and keeps account.
    """

    def __init__(self, spec: FilesSource, form: Content, records: Records) -> None:
        self.spec, self.form, self.records, self.findings = spec, form, records, records.findings

    def items(self, store: Any, address: str, path: str, length: int, modified: datetime | None) -> Iterator[Item]:
        """Yield the items of a file.

        Raises:
            OSError: it cannot be read, for a reason that is not in its content.
        """
        more: dict[str | None, Any] = {"@folder": posixpath.basename(posixpath.dirname(path)) or None, "@modified": modified}
        with store.open(address, "rb") as file:
            if self.spec.format in ITEM_FORMATS:
                yield from WholeFiles(self.spec, self.form, self.records).items(file, path, length, more)
                return
            rows = {"csv": self._csv, "jsonl": self._jsonl, "parquet": self._parquet}[self.spec.format]
            for number, record in rows(file, path):
                item = self.records.item(record, f"{path}#{number}", f"{path}, row {number}", more, f"{path}#")
                if item:
                    yield item

    def _csv(self, file: Any, path: str) -> Iterator[tuple[int, dict[str, Any]]]:
        csv.field_size_limit(MAX_LINE)
        # What is not in the charset passes through as lone surrogates and is found in the row, not at the whole file.
        lines = io.TextIOWrapper(file, self.spec.charset, errors="surrogateescape", newline="")
        rows = csv.reader(_bounded(lines), delimiter=self.spec.delimiter, strict=True)
        number = 0
        try:
            header = next(rows, None)
            if header is None:
                return
            header[0] = header[0].removeprefix("\ufeff")
            for name in header:
                self.findings.column(name, "text")
            if not self._all_there(header, path):
                return
            for row in rows:
                if not row:
                    continue
                number += 1
                if len(row) != len(header):
                    self._reject(f"{path}, row {number}", f"it has {len(row)} fields, the header {len(header)}")
                elif any(not cell.isascii() and _broken(cell) for cell in row):
                    self._reject(f"{path}, row {number}", f"it is no valid {self.spec.charset}")
                else:
                    yield number, dict(zip(header, row, strict=True))
        except (csv.Error, UnicodeError) as cause:
            self._reject(f"{path}, row {number + 1} and all behind it", str(cause))
        finally:
            lines.detach()

    def _jsonl(self, file: Any, path: str) -> Iterator[tuple[int, Any]]:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE)
                self._reject(f"{path}, row {number}", f"it has more than {MAX_LINE} bytes")
                continue
            if not line.strip():
                continue
            try:
                record = json.loads(line.decode(self.spec.charset))
            except (ValueError, RecursionError) as cause:
                self._reject(f"{path}, row {number}", f"it is no JSON: {type(cause).__name__}")
                continue
            self.records.saw(record)
            yield number, record

    def _parquet(self, file: Any, path: str) -> Iterator[tuple[int, dict[str, Any]]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = 0
        try:
            table = pq.ParquetFile(file)
            for field in table.schema_arrow:
                self.findings.column(field.name, _arrow_family(field.type))
            if not self._all_there(table.schema_arrow.names, path):
                return
            # a field a.b is field b of column a
            columns = list(
                dict.fromkeys(name if name in table.schema_arrow.names else name.partition(".")[0] for name in self.spec.needed)
            )
            for batch in table.iter_batches(BATCH, columns=columns):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
        except (pa.ArrowException, OSError, OverflowError) as cause:
            if isinstance(cause, OSError) and cause.errno is not None:
                raise  # the disk or store, not the content
            self._reject(
                f"{path}, row {number + 1} and all behind it", f"it is no readable Parquet: {text(cause).splitlines()[0]}"
            )

    def _all_there(self, header: list[str], path: str) -> bool:
        """Tell whether a file has every needed column; where not, its rows are left out together."""
        missing = [name for name in self.spec.needed if name not in header and name.partition(".")[0] not in header]
        self.findings.absent(missing, path)
        double = [name for name in self.spec.needed if header.count(name) > 1]
        if missing or double:
            said = f"it has no column {', '.join(missing)}" if missing else f"it has the column {', '.join(double)} twice"
            self._reject(path, said)
        return not missing and not double

    def _reject(self, where: str, why: str) -> None:
        self.findings.rows += 1
        self.findings.reject(where, why)


def _bounded(lines: io.TextIOWrapper) -> Iterator[str]:
    while line := lines.readline(MAX_LINE):
        yield line


def _broken(cell: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in cell)


def _arrow_family(kind: Any) -> str:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return _arrow_family(kind.value_type)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return "list"
    tests = (
        (types.is_boolean, bool),
        (types.is_string, str),
        (types.is_large_string, str),
        (types.is_binary, bytes),
        (types.is_large_binary, bytes),
        (types.is_fixed_size_binary, bytes),
        (types.is_temporal, datetime),
        (types.is_struct, dict),
        (types.is_null, type(None)),
    )
    python = next((python for test, python in tests if test(kind)), None)
    return "nothing" if python is type(None) else family(python) if python else str(kind)
