"""Sketches: exact to merge, exact to store, whatever the values are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from include.monitoring.errors import MonitoringError
from include.monitoring.sketch import BINS, Sketch, choose_edges, measure
from include.projects import Project

any_float = st.floats(width=64, allow_nan=True, allow_infinity=True)
rows = st.integers(0, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, (n, 2), elements=any_float),
        hnp.arrays(np.int64, n, elements=st.integers(-3, 5)),
        hnp.arrays(np.float64, n, elements=any_float | st.floats(0, 1)),
    )
)
EMPTY = Sketch.empty(["a", "b"], ["x", "y", "z"], [[-1.0, 0.0, 2.5], []])


@given(rows, rows)
def test_the_sum_of_two_parts_is_the_sketch_of_the_whole(a: Any, b: Any) -> None:
    whole = EMPTY.add(*(np.concatenate([x, y]) for x, y in zip(a, b, strict=True)))
    assert EMPTY.add(*a) + EMPTY.add(*b) == whole == EMPTY.add(*a).add(*b)
    assert whole.rows == len(a[0]) + len(b[0]) == whole.labels.sum() == whole.confidence.sum()
    assert (whole.counts.sum(1) == whole.rows).all()


@given(rows)
def test_json_gives_the_same_sketch_back(a: Any) -> None:
    sketch = EMPTY.add(*a)
    again = Sketch.from_json(sketch.to_json())
    assert again == sketch and again.to_json() == sketch.to_json()


@given(hnp.arrays(np.float64, st.integers(0, 60), elements=any_float | st.just(0.0) | st.floats(0, 3).map(round)))
def test_edges_rise_and_are_finite(values: np.ndarray) -> None:
    edges = choose_edges(values)
    assert all(np.isfinite(edges)) and (np.diff(edges) > 0).all() and len(edges) <= 3 * BINS


def test_quantile_bins_hold_a_tenth_each() -> None:
    values = np.random.default_rng(0).normal(size=(5000, 1))
    sketch = Sketch.empty(["a"], ["x"], [choose_edges(values[:, 0])]).add(values, np.zeros(5000, int), np.ones(5000))
    assert np.abs(sketch.counts[0, :BINS] - 500).max() <= 1


@pytest.mark.parametrize("moved", [0.9, 1.1])
def test_a_constant_feature_has_a_bin_of_its_own(moved: float) -> None:
    blank = Sketch.empty(["a"], ["x"], [choose_edges(np.ones(100))])
    before = blank.add(np.ones((10, 1)), np.zeros(10, int), np.ones(10))
    after = blank.add(np.full((10, 1), moved), np.zeros(10, int), np.ones(10))
    assert not (before.counts * after.counts).any()


def test_what_is_not_finite_and_unknown_labels_are_counted_apart() -> None:
    values = np.array([[np.nan, 1.0], [np.inf, 2.0], [0.5, -np.inf]])
    sketch = EMPTY.add(values, np.array([0, 3, -1]), np.array([0.5, np.nan, 7.0]))
    assert sketch.counts[:, -1].tolist() == [2, 1]
    assert sketch.labels.tolist() == [1, 0, 0, 2]
    assert sketch.confidence[-1] == 2 and sketch.mean_confidence == 0.5
    assert EMPTY.mean_confidence is None


def test_other_bins_cannot_be_added() -> None:
    with pytest.raises(MonitoringError, match="from one reference"):
        EMPTY + Sketch.empty(["a", "b"], ["x", "y", "z"], [[-1.0, 0.0, 2.6], []])


@pytest.mark.parametrize(
    ("values", "labels", "confidence"),
    [(np.zeros((3, 3)), np.zeros(3, int), np.ones(3)), (np.zeros((3, 2)), np.zeros(2, int), np.ones(3)), (np.zeros(3), [0], [1])],
)
def test_shapes_that_do_not_fit_are_told(values: Any, labels: Any, confidence: Any) -> None:
    with pytest.raises(MonitoringError, match="do not fit"):
        EMPTY.add(values, labels, confidence)


def damaged(**change: Any) -> str:
    return json.dumps({**EMPTY.to_dict(), **change})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must be JSON"),
        (b"\xff\xfe", "must be JSON"),
        ("[1]", "found 'list'"),
        (damaged(version=99), "found 99"),
        (damaged(labels=[1]), "damaged"),
        (damaged(rows=None), "damaged"),
        (damaged(features=[{"name": "a", "edges": [1.0], "counts": [1]}]), "damaged"),
        (damaged(no_drift={"rows": 1}), "damaged"),
    ],
)
def test_a_damaged_sketch_is_told(text: str | bytes, told: str) -> None:
    with pytest.raises(MonitoringError, match=told):
        Sketch.from_json(text)


def test_a_features_component_of_the_wrong_form_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["include.projects.shapes.features"]
    for wrong in (
        lambda x: (["a"], np.zeros((len(x), 2))),
        lambda x: (["a", "a"], np.zeros((len(x), 2))),
        lambda x: ([], np.zeros((len(x), 0))),
    ):
        monkeypatch.setattr(module, "features", wrong)
        with pytest.raises(MonitoringError, match=r"shapes: components\.features must return"):
            measure(project, np.zeros((3, 4, 4)))


def test_measuring_goes_in_chunks_and_takes_any_number_type(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = np.random.default_rng(0).integers(0, 16, (70, 4, 4)).astype(np.uint8)
    names, values = measure(project, contents)
    monkeypatch.setattr("include.monitoring.sketch.CHUNK_ROWS", 16)
    again = measure(project, contents.astype(float).tolist())
    assert again[0] == names and np.array_equal(again[1], values) and values.shape == (70, 6)
