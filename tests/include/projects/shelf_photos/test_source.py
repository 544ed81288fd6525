"""The drawn scenes: the same pictures from the same seed, and boxes that hold what was drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from include.data import forms, labels
from include.projects import load_project
from include.projects.shelf_photos.scenes import HEIGHT, WIDTH
from include.projects.shelf_photos.source import ANNOTATIONS, CLASSES, STORES, TOTAL, coco, fill, name, picture


def test_fill_adds_each_picture_once(tmp_path: Path) -> None:
    folder = tmp_path / "매장 사진"
    assert fill(folder, 24) == 24 and fill(folder, 24) == 0
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    assert fill(folder, slice(20, 36)) == 12
    assert all(path.read_bytes() == content for path, content in before.items())
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == sorted([*(name(place) for place in range(36)), ANNOTATIONS])
    document = json.loads((folder / ANNOTATIONS).read_text(encoding="utf-8"))
    assert document == coco(list(range(36))) and len(document["images"]) == 36


def test_pictures_are_items_of_the_project(tmp_path: Path) -> None:
    project = load_project("shelf_photos")
    assert tuple(project.classes) == CLASSES
    fill(tmp_path, 3)
    for path in tmp_path.rglob("*.png"):
        assert forms.check(path.read_bytes(), project.data.content) is None
    for place in range(TOTAL):
        label = labels.dump(picture(place)[1])
        assert labels.problem(label, project, (HEIGHT, WIDTH)) is None


@pytest.mark.parametrize("place", range(0, TOTAL, 40))
def test_a_box_holds_what_was_drawn(place: int) -> None:
    image, boxes = picture(place)
    points = np.asarray(image).astype(int)
    wall = points[0, 0]
    assert len(boxes) >= 3 and points.shape == (HEIGHT, WIDTH, 3)
    inside = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for one in boxes:
        x, y, width, height = one["box"]
        assert (points[y : y + height, x : x + width] != wall).any(axis=-1).mean() > 0.3
        inside[y : y + height, x : x + width] = True
    boards = np.array([[y in range(56, 61) or y in range(112, 117)] * WIDTH for y in range(HEIGHT)])
    assert (points[~inside & ~boards] == wall).all()


def test_the_seed_decides_the_scene_and_the_store_the_wall() -> None:
    assert picture(7)[1] == picture(7)[1] != picture(7, seed=1)[1]
    assert isinstance(picture(0)[0], Image.Image)
    assert len({picture(place)[0].getpixel((0, 0)) for place in range(STORES)}) == STORES
