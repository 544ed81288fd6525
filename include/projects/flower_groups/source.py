"""The garden's side: a CSV file a bed with measures of iris flowers that scikit-learn ships.

Which species a flower is of stands in the file too. Nothing learns from it: clusters are compared with it afterwards.
"""

from __future__ import annotations

import hashlib
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
    from include.projects.csv_rows import add_rows  # a package carries this module, and nobody fills there

    beds: dict[int, list[dict[str, Any]]] = {}
    for row in flower_rows(rows, seed):
        beds.setdefault(int(row["id"][1:]) % BEDS + 1, []).append(row)
    return sum(add_rows(Path(folder, f"bed-{bed}.csv"), found) for bed, found in beds.items())


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
