"""project.yaml: the shipped one is right, and whatever is wrong with one is told with its place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.projects import ProjectError, list_projects, load_project
from include.settings import ROOT

GOOD: dict[str, Any] = yaml.safe_load((ROOT / "include" / "projects" / "digits" / "project.yaml").read_text(encoding="utf-8"))


def write(folder: Path, content: Any, name: str = "digits") -> Path:
    (folder / name).mkdir(parents=True, exist_ok=True)
    path = folder / name / "project.yaml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def changed(place: str, value: Any) -> dict[str, Any]:
    """Return a good project.yaml with one place set, or taken out where the value is ``...``."""
    document: dict[str, Any] = yaml.safe_load(yaml.safe_dump(GOOD))
    *way, last = place.split(".")
    part: Any = document
    for key in way:
        part = part[int(key)] if isinstance(part, list) else part[key]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return document


def test_the_shipped_project() -> None:
    project = load_project("digits")
    assert "digits" in list_projects()
    assert project.repositories == {"dev": "digits-dev", "ops": "digits-ops"}
    assert project.data.content.shape == [8, 8] and len(project.classes) == 10
    assert project.component("preprocess").__name__ == "preprocess"
    assert project.component("source").__name__ == "fill"


def test_korean_texts_are_fine(tmp_path: Path) -> None:
    document = changed("title", "손글씨 숫자 🖋")
    document["classes"] = ["고양이", "개"]
    write(tmp_path, document)
    project = load_project("digits", tmp_path)
    assert project.title == "손글씨 숫자 🖋" and project.classes == ["고양이", "개"]


@pytest.mark.parametrize(
    "name",
    ["missing", "", "../digits", "/etc/passwd", "digits\0", "손글씨", "Digits", "1digits", "d", "a" * 300, "digits.yaml", " "],
)
def test_no_such_or_hostile_name(name: str, tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(ProjectError, match="known projects: digits"):
        load_project(name, tmp_path)


def test_no_projects_at_all(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="known projects: none"):
        load_project("digits", tmp_path / "nowhere")
    assert list_projects(tmp_path / "nowhere") == []


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "digits" / "project.yaml").mkdir(parents=True)
    with pytest.raises(ProjectError, match="no project 'digits'"):
        load_project("digits", tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("name: [digits", "not readable as YAML"),
        ("name: digits\n\tdata: 1", "not readable as YAML"),
        ("a: !!python/object/apply:os.system ['true']", "not readable as YAML"),
        (b"\xff\xfe\x00name", "not readable as YAML"),
        ("", "must be a mapping"),
        ("- a\n- b", "must be a mapping"),
        ("just text", "must be a mapping"),
        ("1: 2", "keys must be text"),
    ],
)
def test_no_yaml_mapping(content: str | bytes, says: str, tmp_path: Path) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ProjectError) as caught:
        load_project("digits", tmp_path)
    assert says in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("title", ..., "title: is missing"),
        ("data", ..., "data: is missing"),
        ("data", "all of it", "data:"),
        ("colour", "red", "colour: there is no such key"),
        ("data.checks.min_row", 3, "data.checks.min_row: there is no such key"),
        ("data.source.kind", "telepathy", "data.source.kind:"),
        ("data.source.table", "scans; DROP TABLE scans", "data.source.table:"),
        ("data.source.table", "사진", "data.source.table:"),
        ("data.content.dtype", "complex", "data.content.dtype:"),
        ("data.content.shape", [], "data.content.shape:"),
        ("data.content.shape", ["8", "acht"], "data.content.shape.1:"),
        ("data.content.range", [0], "data.content.range"),
        ("data.checks.min_rows", "many", "data.checks.min_rows:"),
        ("data.checks.min_rows", 0, "data.checks.min_rows:"),
        ("data.checks.max_duplicates", 1.5, "data.checks.max_duplicates:"),
        ("classes", ["only"], "classes: must name at least 2 for the task classification"),
        ("classes", ..., "classes: must name at least 2 for the task classification"),
        ("classes", ["cat", "dog", "cat"], "classes names one twice"),
        ("classes", ["", "dog"], "classes.0:"),
        ("classes", [1, 2], "classes.0:"),
        ("task", "guessing", "task:"),
        ("domain", "taste", "domain:"),
        ("classes", "0123456789", "classes:"),
        ("split.ratios", {"train": 0.7, "validation": 0.15, "test": 0.2}, "split.ratios: must name train, validation and test"),
        ("split.ratios", {"train": 0.5, "test": 0.5}, "split.ratios: must name train, validation and test"),
        (
            "split.ratios",
            {"train": 1.5, "validation": -0.25, "test": -0.25},
            "split.ratios: must name train, validation and test",
        ),
        ("split.ratios", {"train": 0.5, "validation": 0.25, "exam": 0.25}, "split.ratios"),
        ("split.method", "gut feeling", "split.method:"),
        ("split.ratios", ..., "split.ratios: must be given for the method stratified"),
        ("split.folds", 5, "folds mean nothing to the method stratified, which takes ratios, seed"),
        ("split.method", "kfold", "split: folds and test must be given for the method kfold"),
        ("split", {"method": "kfold", "folds": 1, "test": 0.2}, "split.folds:"),
        ("split", {"method": "kfold", "folds": 5, "test": 1.0}, "split.test:"),
        ("split", {"method": "kfold", "folds": 5, "test": 0.2, "ratios": {}}, "ratios mean nothing to the method kfold"),
        ("split", {"method": "nested", "folds": 5}, "split.inner_folds: must be given"),
        ("split", {"method": "nested", "folds": 100, "inner_folds": 100}, "at most 1000"),
        ("split", {"method": "kfold", "folds": 5, "test": 0.2, "by": "time"}, "split.by:"),
        ("split.method", "time", "seed mean nothing to the method time"),
        ("split.method", "grouped", "split by group needs data.source.group"),
        ("split", {"method": "nested", "folds": 3, "inner_folds": 3, "by": "grouped"}, "needs data.source.group"),
        (
            "split",
            {"method": "kfold", "folds": 3, "test": 0.2, "by": "grouped", "groups_may_cross": True},
            "groups_may_cross contradicts",
        ),
        ("split.seed", "twenty", "split.seed:"),
        (
            "training.tuning.space.dropout",
            {"low": 0.4, "high": 0.1},
            "training.tuning.space.dropout.low: must be below high (is 0.4, high is 0.1)",
        ),
        ("training.tuning.space.dropout", {"choices": []}, "training.tuning.space.dropout.choices: must not be empty"),
        (
            "training.tuning.space.dropout",
            {"choices": [1], "low": 1, "high": 2},
            "training.tuning.space.dropout: give",
        ),
        ("training.gate.metric", "beauty", "training.gate.metric:"),
        ("approval.steps", [], "approval.steps:"),
        ("approval.steps.0.name", "Ja!", "approval.steps.0.name:"),
        ("approval.timeout_minutes", 0, "approval.timeout_minutes:"),
        ("monitoring.window_rows", 1, "monitoring.window_rows:"),
        ("retraining.confidence", 0.2, "retraining.confidence:"),
        ("name", "letters", "its folder is 'digits'"),
        ("name", "손글씨", "name: must be 2 to 41"),
        ("name", None, "name:"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(place: str, value: Any, says: str, tmp_path: Path) -> None:
    path = write(tmp_path, changed(place, value))
    with pytest.raises(ProjectError) as caught:
        load_project("digits", tmp_path)
    assert says in str(caught.value) and caught.value.path == path and caught.value.problems


def test_a_split_by_time_needs_times(tmp_path: Path) -> None:
    document = changed("split", {"method": "time", "ratios": {"train": 0.8, "validation": 0.1, "test": 0.1}})
    write(tmp_path, document)
    assert load_project("digits", tmp_path).split.method == "time"
    del document["data"]["source"]["taken_at"]
    write(tmp_path, document)
    with pytest.raises(ProjectError, match=r"split.method time needs data\.source\.taken_at"):
        load_project("digits", tmp_path)


def test_every_problem_is_listed(tmp_path: Path) -> None:
    document = changed("title", ...)
    document["classes"] = [""]
    document["monitoring"]["window_rows"] = "x"
    write(tmp_path, document)
    with pytest.raises(ProjectError) as caught:
        load_project("digits", tmp_path)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["title", "classes.0", "monitoring.window_rows"]


def test_a_project_may_keep_data_alone(tmp_path: Path) -> None:
    document = changed("training", ...)
    for section in ("release", "approval", "monitoring", "retraining", "components"):
        del document[section]
    write(tmp_path, document)
    assert not load_project("digits", tmp_path).has_model and load_project("digits").has_model
    document["training"] = {}
    write(tmp_path, document)
    assert load_project("digits", tmp_path).has_model


def test_an_unknown_release_section_is_still_told(tmp_path: Path) -> None:
    document = changed("approval", {"steps": [{"name": "yes", "role": "Approver"}]})
    write(tmp_path, document)
    with pytest.raises(ProjectError, match=r"approval\.steps\.0\.title: is missing"):
        load_project("digits", tmp_path)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (None, "components.source: not given"),
        ("nowhere:f", "cannot be imported"),
        ("source:nothing", "cannot be imported"),
        ("source", "cannot be"),
    ],
)
def test_a_component_that_does_not_exist(reference: str | None, says: str) -> None:
    project = load_project("digits")
    bad = project.model_copy(update={"components": project.components.model_copy(update={"source": reference})})
    with pytest.raises(ProjectError) as caught:
        bad.component("source")
    assert says in str(caught.value) and "project.yaml" in str(caught.value)


def test_a_project_never_runs_the_code_of_another_with_its_name(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "include" / "projects" / "digits", tmp_path / "digits", ignore=shutil.ignore_patterns("__pycache__"))
    copy = load_project("digits", tmp_path)
    assert copy.function("data.source", "source:scan_rows") is load_project("digits").function("data.source", "source:scan_rows")
    (tmp_path / "digits" / "source.py").write_text("def scan_rows(*_):\n    return []\n", encoding="utf-8")
    with pytest.raises(ProjectError, match=r"another project 'digits' is loaded from .*projects/digits; give one"):
        copy.function("data.source", "source:scan_rows")
    (tmp_path / "digits" / "source.py").unlink()
    with pytest.raises(ProjectError, match="another project 'digits'"):
        copy.function("data.source", "source:scan_rows")


def test_a_retraining_asks_for_new_rows_enough_to_judge_by(tmp_path: Path) -> None:
    write(tmp_path, changed("retraining.min_new_rows", 199))
    with pytest.raises(ProjectError, match=r"min_new_rows: of 199 new rows 29 come .*: give at least 200, or a larger"):
        load_project("digits", tmp_path)
    write(tmp_path, changed("retraining.min_new_rows", 200))
    assert load_project("digits", tmp_path).retraining.min_new_rows == 200
    small = changed("split.ratios", {"train": 0.8, "validation": 0.1, "test": 0.1})
    write(tmp_path, {**small, "retraining": {"confidence": 0.9}})  # nobody asked for a number
    assert load_project("digits", tmp_path).split.test_share == 0.1
