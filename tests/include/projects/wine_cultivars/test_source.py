"""Wines as they were measured, and the project's own component."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from include.components import Context
from include.projects import load_project
from include.projects.wine_cultivars.source import CULTIVARS, MEASURES, TOTAL, fill, wine_rows
from include.projects.wine_cultivars.steps import measure_again


def test_fill_adds_each_wine_once(tmp_path: Path) -> None:
    assert fill(tmp_path / "a", 100) == 100 and fill(tmp_path / "a", 100) == 0 and fill(tmp_path / "a") == TOTAL - 100
    fill(tmp_path / "b")
    read = {path.name: path.read_text() for path in (tmp_path / "a").iterdir()}
    assert read == {path.name: path.read_text() for path in (tmp_path / "b").iterdir()} and sorted(read)[0] == "2026-01.csv"
    rows = [row for name in sorted(read) for row in csv.DictReader(read[name].splitlines())]
    assert [row["id"] for row in rows] == [row["id"] for row in wine_rows()] and len({row["id"] for row in rows}) == TOTAL


def test_measures_are_those_published_and_within_their_ranges() -> None:
    from sklearn.datasets import load_wine

    known = {tuple(map(float, values)): CULTIVARS[place] for values, place in zip(*load_wine(return_X_y=True), strict=True)}
    columns = load_project("wine_cultivars").data.content.columns
    assert list(columns) == list(MEASURES)
    for row in wine_rows():
        assert known[tuple(row[name] for name in MEASURES)] == row["cultivar"]
        assert all(columns[name].range[0] <= row[name] <= columns[name].range[1] for name in MEASURES)


def test_rows_are_measured_again_near_what_they_were() -> None:
    context = Context(load_project("wine_cultivars"), 3, print)
    rows, labels = np.zeros((50, 13), np.float32), np.arange(50) % 3
    made = measure_again(rows, labels, context, times=3, error=0.2)
    assert made["rows"].shape == (200, 13) and made["rows"].dtype == np.float32
    assert np.array_equal(made["rows"][:50], rows) and np.array_equal(made["labels"], np.tile(labels, 4))
    assert made["rows"][50:].std() == pytest.approx(0.2, rel=0.1)
    assert np.array_equal(measure_again(rows, labels, context, times=3, error=0.2)["rows"], made["rows"])


def test_drift_is_looked_for_in_every_measure() -> None:
    rows = wine_rows(20)
    columns = {name: np.array([row[name] for row in rows]) for name in MEASURES}
    names, values = load_project("wine_cultivars").component("features")(columns)
    assert names == list(MEASURES) and values.shape == (20, 13) and values.dtype == np.float64
    assert np.array_equal(values[:, names.index("proline")], columns["proline"])
    with pytest.raises(ValueError, match="there is no column hue"):
        load_project("wine_cultivars").component("features")({name: columns[name] for name in MEASURES if name != "hue"})


def test_a_retraining_waits_for_as_many_rows_as_its_comparison_needs() -> None:
    from include.projects.release import MIN_TEST_ROWS

    wine = load_project("wine_cultivars")
    assert wine.retraining.min_new_rows * wine.split.ratios["test"] >= MIN_TEST_ROWS
    assert TOTAL * wine.split.ratios["test"] >= MIN_TEST_ROWS and not wine.monitoring.start
