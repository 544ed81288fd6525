"""The laboratories' files: the published values, each row once, whole files only."""

from __future__ import annotations

import csv
from pathlib import Path

from include.data import forms
from include.projects import load_project
from include.projects.breast_masses.source import MEASURES, fill, mass_rows


def rows(folder: Path) -> list[dict[str, str]]:
    found = []
    for path in sorted(folder.iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            found += list(csv.DictReader(file))
    return found


def test_fill_adds_each_row_once(tmp_path: Path) -> None:
    folder = tmp_path / "받은 파일"
    assert fill(folder, 150) == 150
    first = rows(folder)
    assert fill(folder, 150) == 0 and fill(folder, slice(100, 200)) == 50 and fill(folder) == 569 - 200
    assert [row["id"] for row in rows(folder)] == [f"M{n:04d}" for n in range(1, 570)] and rows(folder)[:150] == first
    assert [path.name for path in sorted(folder.iterdir())] == [f"2026-0{month}.csv" for month in range(1, 7)]


def test_the_values_are_those_published() -> None:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    known = {
        tuple(map(float, values[:10])): str(data.target_names[target])
        for values, target in zip(data.data, data.target, strict=True)
    }
    found = mass_rows()
    assert len({row["patient"] for row in found}) == 569
    assert all(known[tuple(row[name] for name in MEASURES)] == row["diagnosis"] for row in found)
    assert mass_rows(5) == found[:5] != mass_rows(5, seed=1)


def test_every_row_fits_the_declared_columns() -> None:
    form = load_project("breast_masses").data.content
    for row in mass_rows():
        assert forms.check(forms.dump_row(row, form), form) is None
        for name, column in form.columns.items():
            assert column.range is None or column.range[0] <= row[name] <= column.range[1]
            assert column.choices is None or row[name] in column.choices
