"""The demo's SW1.0: a table of scanned digits, filled from the images that scikit-learn ships."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

TOTAL = 1797
BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)


def fill(url: str, rows: slice | int | None = None, seed: int = 0) -> int:
    """Make the table ``scans`` where it is missing and put in the rows that are not there yet.

    Args:
        url: SQLAlchemy URL of the database.
        rows: which of the 1,797 images: a slice, the first so many, or None for all. Row i always has id i + 1.
        seed: shuffles the images; give one database always the same.

    Returns:
        How many rows were added; 0 the second time.
    """
    from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, create_engine, select

    scans = Table(
        "scans",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("pixels", LargeBinary, nullable=False),
        Column("digit", Integer),
        Column("scanned_at", Text, nullable=False),
    )
    engine = create_engine(url)
    try:
        scans.metadata.create_all(engine)
        with engine.begin() as connection:
            there = set(connection.execute(select(scans.c.id)).scalars())
            new = [row for row in scan_rows(rows, seed) if row["id"] not in there]
            if new:
                connection.execute(scans.insert(), new)
    finally:
        engine.dispose()
    return len(new)


def scan_rows(rows: slice | int | None, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows of the table ``scans`` as `fill` writes them; the arguments are the same."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = sorted(range(TOTAL), key=lambda place: hashlib.sha256(f"{seed}:{place}".encode()).digest())
    chosen = range(TOTAL)[rows if isinstance(rows, slice) else slice(rows)]
    return [
        {
            "id": place + 1,
            "pixels": data.images[order[place]].astype("uint8").tobytes(),
            "digit": int(data.target[order[place]]),
            "scanned_at": (BEGIN + timedelta(minutes=place)).isoformat(),
        }
        for place in chosen
    ]
