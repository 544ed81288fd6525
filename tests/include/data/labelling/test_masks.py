"""Masks in the forms of COCO, Label Studio and polygons."""

from __future__ import annotations

import numpy as np
import pytest

from include.data.labelling import masks


@pytest.mark.parametrize("seed", range(4))
def test_there_and_back(seed: int) -> None:
    mask = np.random.default_rng(seed).random((23, 31)) < (0.1, 0.5, 0.9, 0.0)[seed]
    assert (masks.from_counts(masks.to_counts(mask), 23, 31) == mask).all()
    assert (masks.from_brush(masks.to_brush(mask), 23, 31) == mask).all()


def test_coco_counts_columns_and_begins_outside() -> None:
    mask = np.array([[1, 0], [1, 1]], dtype=bool)
    assert masks.to_counts(mask) == [0, 2, 1, 1]
    assert masks.to_counts(~mask) == [2, 1, 1]
    assert masks.box_of(mask) == [0, 0, 2, 2]
    assert masks.box_of(np.zeros((2, 2), dtype=bool)) == [0, 0, 0, 0]


@pytest.mark.parametrize("counts", [[3], [-1, 5], [1.5, 2.5], [True, 3], [10**30], []])
def test_counts_that_are_none(counts: list) -> None:
    with pytest.raises(ValueError, match="do not add up"):
        masks.from_counts(counts, 2, 2)


def test_a_brush_that_is_none() -> None:
    good = masks.to_brush(np.ones((4, 4), dtype=bool))
    for rle, told in ((good[:-1], "cut off"), ([], "cut off"), (["x"], "none"), ([255] * 40, "painted")):
        with pytest.raises(ValueError, match=told):
            masks.from_brush(rle, 4, 4)
    with pytest.raises(ValueError, match="painted 16 pixels"):
        masks.from_brush(good, 5, 4)
    with pytest.raises(ValueError, match="too large"):
        masks.from_brush(good, 10**6, 10**6)


def test_polygons() -> None:
    mask = masks.from_polygon([(2, 1), (6, 1), (6, 4), (2, 4)], 6, 8)
    wanted = np.zeros((6, 8), dtype=bool)
    wanted[1:4, 2:6] = True
    assert (mask == wanted).all()
    assert masks.from_polygon([(-1e9, -1e9), (1e9, -1e9), (1e9, 1e9), (-1e9, 1e9)], 4, 4).all()
    for points in ([(0, 0), (1, 1)], [(0, 0), (1, float("nan")), (2, 2)]):
        with pytest.raises(ValueError, match="three corners"):
            masks.from_polygon(points, 4, 4)
