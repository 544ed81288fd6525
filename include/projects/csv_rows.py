"""Demo sources that are folders of CSV files: rows come into a file once, and a reader never sees a part of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def add_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Add those rows to a CSV file, UTF-8 with a header, whose ``id`` it does not hold yet.

    Args:
        path: the file; it and its folder are made where they are missing.
        rows: all with the same columns, in their order, ``id`` among them.

    Returns:
        How many rows were added; 0 the second time.
    """
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    there = {row["id"] for row in csv.DictReader(io.StringIO(before))}
    new = [row for row in rows if row["id"] not in there]
    if not new:
        return 0
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, list(new[0]), lineterminator="\n")
    if not before:
        writer.writeheader()
    writer.writerows(new)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.part")
    made.write_text(before + sink.getvalue(), encoding="utf-8")
    made.replace(path)
    return len(new)
