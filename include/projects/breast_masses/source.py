"""The laboratories' side: a CSV file a month with what was measured, of the masses that scikit-learn ships.

Measures and diagnoses are as published. That data tells no patient, laboratory or time; those three are made up here,
so that there is a column to mask, one of categories and one of times.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

TOTAL = 569
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
MEASURES = (
    "radius", "texture", "perimeter", "area", "smoothness",
    "compactness", "concavity", "concave_points", "symmetry", "fractal_dimension",
)  # fmt: skip
LABORATORIES = ("Seoul", "Busan", "Madison")


def fill(folder: str | Path, rows: slice | int | None = None, seed: int = 0) -> int:
    """Write the files ``2026-01.csv`` and so on, and put in the rows that are not there yet.

    Args:
        folder: is made where it is missing.
        rows: which of the 569 masses: a slice, the first so many, or None for all. Row i always has id ``M`` and i + 1.
        seed: shuffles the masses; give one folder always the same.

    Returns:
        How many rows were added; 0 the second time.
    """
    from include.projects.csv_rows import add_rows  # a package carries this module, and nobody fills there

    months = groupby(mass_rows(rows, seed), key=lambda row: row["measured_at"][:7])
    return sum(add_rows(Path(folder, f"{month}.csv"), found) for month, found in months)


def mass_rows(rows: slice | int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """Return the rows as `fill` writes them, ordered by time; the arguments are the same."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    order = sorted(range(TOTAL), key=lambda place: hashlib.sha256(f"{seed}:{place}".encode()).digest())
    chosen = range(TOTAL)[rows if isinstance(rows, slice) else slice(rows)]
    return [
        {
            "id": f"M{place + 1:04d}",
            "patient": f"P-{hashlib.sha256(f'{seed}:patient:{place}'.encode()).hexdigest()[:8]}",
            "laboratory": LABORATORIES[hashlib.sha256(f"{seed}:laboratory:{place}".encode()).digest()[0] % 3],
            "measured_at": (BEGIN + timedelta(hours=7 * place)).isoformat(),
            **dict(zip(MEASURES, map(float, data.data[order[place]][: len(MEASURES)]), strict=True)),
            "diagnosis": str(data.target_names[data.target[order[place]]]),
        }
        for place in sorted(chosen)
    ]
