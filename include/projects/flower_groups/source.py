"""The garden's side: a CSV file a bed with measures of iris flowers that scikit-learn ships.

Which species a flower is of stands in the file too. Nothing learns from it: clusters are compared with it afterwards.
"""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

TOTAL = 150
BEDS = 5
MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def fill(folder: str | Path, rows: slice | int | None = None, seed: int = 0) -> int:
    """Write the files ``bed-1.csv`` and so on, and put in the flowers that are not there yet.

    Args:
        folder: is made where it is missing.
        rows: which of the 150 flowers: a slice, the first so many, or None for all. Row i always has id ``F`` and i + 1.
        seed: shuffles the flowers; give one folder always the same.

    Returns:
        How many rows were added; 0 the second time.
    """
    folder, added = Path(folder), 0
    folder.mkdir(parents=True, exist_ok=True)
    every = flower_rows(rows, seed)
    for bed in range(BEDS):
        path = folder / f"bed-{bed + 1}.csv"
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        there = {row["id"] for row in csv.DictReader(io.StringIO(before))}
        new = [row for row in every if int(row["id"][1:]) % BEDS == bed and row["id"] not in there]
        if not new:
            continue
        sink = io.StringIO(newline="")
        writer = csv.DictWriter(sink, list(new[0]), lineterminator="\n")
        if not before:
            writer.writeheader()
        writer.writerows(new)
        # A reader sees the file before or after, never a part.
        made = path.with_name(f".{path.name}.part")
        made.write_text(before + sink.getvalue(), encoding="utf-8")
        made.replace(path)
        added += len(new)
    return added


def flower_rows(rows: slice | int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """Return the rows as `fill` writes them; the arguments are the same."""
    from sklearn.datasets import load_iris

    data = load_iris()
    order = sorted(range(TOTAL), key=lambda place: hashlib.sha256(f"{seed}:{place}".encode()).digest())
    chosen = range(TOTAL)[rows if isinstance(rows, slice) else slice(rows)]
    return [
        {
            "id": f"F{place + 1:03d}",
            **dict(zip(MEASURES, map(float, data.data[order[place]]), strict=True)),
            "species": str(data.target_names[data.target[order[place]]]),
        }
        for place in chosen
    ]
