"""The demo's source database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from include.projects.digits.source import fill


def table(path: Path) -> list[tuple]:
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT id, pixels, digit, scanned_at FROM scans ORDER BY id").fetchall()


def test_fill_adds_each_row_once(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    path = tmp_path / "원천.db"
    url = f"sqlite:///{path}"
    assert fill(url, 100) == 100
    first = table(path)
    assert fill(url, 100) == 0
    assert fill(url, slice(50, 150)) == 50
    assert fill(url) == 1797 - 150
    rows = table(path)
    assert [row[0] for row in rows] == list(range(1, 1798)) and rows[:100] == first
    assert all(len(row[1]) == 64 and max(row[1]) <= 16 for row in rows)
    assert rows[0][3] < rows[1][3] < rows[-1][3]
    data = load_digits()
    known = {image.astype("uint8").tobytes(): int(target) for image, target in zip(data.images, data.target, strict=True)}
    assert all(known[row[1]] == row[2] for row in rows) and len({row[1] for row in rows}) == 1797


def test_the_seed_decides_the_order(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        fill(f"sqlite:///{tmp_path / name}", 20, seed)
    assert table(tmp_path / "a") == table(tmp_path / "b") != table(tmp_path / "c")
