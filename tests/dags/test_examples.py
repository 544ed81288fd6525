"""Each example project goes through its whole data DAG, run by Airflow on the real data server."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from include import data
from include.data import labels
from include.projects import list_projects, load_project
from include.projects.breast_masses.source import mass_rows
from include.projects.co2_levels.source import window_rows
from include.projects.shelf_photos.source import ANNOTATIONS, picture
from tests.fixtures.examples import Example

pytestmark = pytest.mark.integration
MODEL_DAGS = {"model_development", "release", "monitoring", "retraining", "rollback"}


def succeeded(states: dict[str, str], *skipped: str) -> bool:
    return states["run"] == "success" and {task for task, state in states.items() if state == "skipped"} == set(skipped)


def groups_stay_together(example: Example) -> bool:
    split = data.find_split(example.settings, example.project, "dev")
    parts: dict[str, set[str]] = {}
    for row in data.split_items(example.settings, split):
        parts.setdefault(row["group"], set()).add(row["part"])
    return len(parts) > 3 and None not in parts and all(len(found) == 1 for found in parts.values())


def test_support_tickets(example: Callable[[str], Example]) -> None:
    tickets = example("support_tickets")
    assert tickets.fill(600) == 600
    assert succeeded(tickets.run(notes="첫 판"))
    version = tickets.version()
    assert version["version"] == "v1" and version["state"] == "labelled"
    assert 0.8 < version["labelled"] / version["count"] < 1 and version["count"] <= 600
    parts = tickets.parts()
    texts = [text for part in parts.values() for text in part.contents]
    assert len(texts) == version["labelled"] and not any("Sent from my phone" in text or "\n" in text for text in texts)
    assert all(set(part.labels.tolist()) == set(range(5)) for part in parts.values())
    counts = tickets.project.component("preprocess")(parts["train"].contents)
    assert counts.shape[0] == len(parts["train"].item_ids) and (counts.sum(axis=1) > 0).mean() > 0.95
    assert groups_stay_together(tickets)

    tickets.fill(700)
    assert succeeded(tickets.run())
    assert tickets.version()["version"] == "v2" and tickets.version()["count"] > version["count"]
    states = tickets.run()
    assert states["collect_round"] == states["tag_version"] == "skipped" and tickets.version()["version"] == "v2"


def test_breast_masses(example: Callable[[str], Example]) -> None:
    masses = example("breast_masses")
    masses.fill()
    assert succeeded(masses.run())
    version = masses.version()
    assert version["count"] == version["labelled"] == 569 and version["state"] == "labelled"
    parts = masses.parts()
    frame = parts["train"].contents
    known = {row["patient"]: row for row in mass_rows()}
    assert list(frame.columns) == list(masses.project.data.content.columns) and str(frame["measured_at"].dtype).endswith("UTC]")
    for row, label in zip(frame.to_dict("records"), parts["train"].labels, strict=True):
        assert row["area"] == known[row["patient"]]["area"] and row["laboratory"] == known[row["patient"]]["laboratory"]
        assert masses.project.classes[label] == known[row["patient"]]["diagnosis"]
    assert masses.project.component("preprocess")(frame).shape == (len(frame), 10)


def test_co2_levels(example: Callable[[str], Example]) -> None:
    levels = example("co2_levels")
    levels.fill()
    assert succeeded(levels.run())
    whole = [row for row in window_rows() if all(value for value, _ in row["window"]) and row["ppm_after"]]
    version = levels.version()
    assert version["count"] == version["labelled"] == len(whole) < 142
    parts = levels.parts()
    train, validation, test = (part.labels for part in parts.values())
    assert train.dtype == np.float64 and sorted([*train, *validation, *test]) == sorted(row["ppm_after"] for row in whole)
    known_at = {row["begins"]: row["known_at"] for row in whole}
    spans: dict[str, list[tuple[str, str]]] = {part: [] for part in parts}
    for row in data.split_items(levels.settings, data.find_split(levels.settings, levels.project, "dev")):
        begins = row["key"].partition("#")[2]
        spans[row["part"]].append((begins, known_at[begins]))
    # All that a later part holds, windows and answers, lies behind the last answer of an earlier one.
    for earlier, later in (("train", "validation"), ("validation", "test")):
        assert max(end for _, end in spans[earlier]) < min(begin for begin, _ in spans[later])
    assert parts["test"].contents.shape[1:] == (12, 2) and parts["test"].contents.dtype == np.float32
    assert levels.project.component("features")(parts["train"].contents)[1].shape == (len(train), 5)


def test_shelf_photos(example: Callable[[str], Example]) -> None:
    photos = example("shelf_photos")
    photos.fill(120)
    assert succeeded(photos.run(), "make_split")
    version = photos.version()
    assert version["count"] == 120 and version["labelled"] == 0 and version["state"] == "refined"

    photos.settings.label_files.mkdir()
    shutil.copyfile(photos.place / ANNOTATIONS, photos.settings.label_files / "boxes.json")
    states = photos.run("labelling", version="v1", file="boxes.json", format="coco")
    assert states["run"] == states["make_split"] == "success" and states["push_tasks"] == "skipped"
    version = photos.version()
    assert version["version"] == "v2" and version["labelled"] == 120 and version["state"] == "labelled"
    assert groups_stay_together(photos)
    parts = photos.parts()
    drawn = {picture(place)[0].tobytes(): picture(place)[1] for place in range(120)}
    for part in parts.values():
        for content, label in zip(part.contents, part.labels, strict=True):
            with Image.open(io.BytesIO(content)) as image:
                boxes = drawn[image.tobytes()]
            found = [(one["class"], *map(float, one["box"])) for one in labels.load(label)]
            assert sorted(found) == sorted((one["class"], *map(float, one["box"])) for one in boxes)


def test_a_project_without_training_has_data_dags_alone(dags: dict) -> None:
    for name in list_projects():
        project = load_project(name)
        mine = {dag_id.partition(".")[2] for dag_id in dags if dag_id.startswith(f"{name}.")}
        assert "data_preparation" in mine
        assert ("labelling" in mine) == (project.data.labelling is not None)
        assert ("features" in mine) == bool(project.feature_views)
        wanted = MODEL_DAGS if project.has_true_answers else MODEL_DAGS - {"retraining"}
        assert mine & MODEL_DAGS == (wanted if project.has_model else set())
