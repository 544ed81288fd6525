"""The laboratory's side: a CSV file a month with what was measured, of the wines that scikit-learn ships.

Measures and cultivars are as published. That data tells no bottle and no time; those two are made up here.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

TOTAL = 178
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
CULTIVARS = ("Barolo", "Grignolino", "Barbera")
MEASURES = (
    "alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids", "nonflavanoid_phenols",
    "proanthocyanins", "color_intensity", "hue", "dilution", "proline",
)  # fmt: skip


def fill(folder: str | Path, rows: slice | int | None = None, seed: int = 0) -> int:
    """Write the files ``2026-01.csv`` and so on, and put in the rows that are not there yet.

    Args:
        folder: is made where it is missing.
        rows: which of the 178 wines: a slice, the first so many, or None for all. Row i always has id ``W`` and i + 1.
        seed: shuffles the wines; give one folder always the same.

    Returns:
        How many rows were added; 0 the second time.
    """
    from include.projects.csv_rows import add_rows  # a package carries this module, and nobody fills there

    months = groupby(wine_rows(rows, seed), key=lambda row: row["measured_at"][:7])
    return sum(add_rows(Path(folder, f"{month}.csv"), found) for month, found in months)


def wine_rows(rows: slice | int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """Return the rows as `fill` writes them, ordered by time; the arguments are the same."""
    from sklearn.datasets import load_wine

    data = load_wine()
    order = sorted(range(TOTAL), key=lambda place: hashlib.sha256(f"{seed}:{place}".encode()).digest())
    chosen = range(TOTAL)[rows if isinstance(rows, slice) else slice(rows)]
    return [
        {
            "id": f"W{place + 1:03d}",
            "measured_at": (BEGIN + timedelta(hours=9 * place)).isoformat(),
            **dict(zip(MEASURES, map(float, data.data[order[place]]), strict=True)),
            "cultivar": CULTIVARS[data.target[order[place]]],
        }
        for place in sorted(chosen)
    ]
