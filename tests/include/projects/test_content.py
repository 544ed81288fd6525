"""data.content and task of project.yaml: what fits together, and clear words about what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from include.projects import Project, ProjectError, load_project
from include.projects.content import ArrayContent, TableContent, TextContent

RATIOS = {"train": 0.7, "validation": 0.15, "test": 0.15}
ROWS = {"kind": "sql", "table": "rows"}
COLUMNS = {"나이": {"type": "integer", "range": [0, 150]}, "price in €": {"type": "number"}}
TABLE = {"kind": "table", "columns": COLUMNS}


def load(folder: Path, **changed: Any) -> Project:
    """Load a small project with some sections changed; ``...`` takes one out."""
    document: dict[str, Any] = {
        "name": "things",
        "title": "것들",
        "domain": "mixed",
        "task": "classification",
        "classes": ["고양이", "dog"],
        "owner": "me",
        "data": {"source": {**ROWS, "content": "body"}, "content": {"kind": "text"}},
        "split": {"method": "random", "ratios": RATIOS},
        **changed,
    }
    (folder / "things").mkdir(exist_ok=True)
    found = {name: value for name, value in document.items() if value is not ...}
    (folder / "things" / "project.yaml").write_text(yaml.safe_dump(found, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_project("things", folder)


def data(content: Any, source: Any = None) -> dict[str, Any]:
    return {"source": source or {**ROWS, "content": "body"}, "content": content}


def problem(folder: Path, **changed: Any) -> str:
    with pytest.raises(ProjectError) as caught:
        load(folder, **changed)
    (only,) = caught.value.problems
    return only


def test_a_content_without_kind_is_an_array(tmp_path: Path) -> None:
    found = load(tmp_path, data=data({"dtype": "uint8", "shape": [8, 8], "range": [0, 16]})).data.content
    assert isinstance(found, ArrayContent) and found.kind == "array"
    assert isinstance(load(tmp_path).data.content, TextContent)


def test_columns_have_any_name_that_people_write(tmp_path: Path) -> None:
    found = load(tmp_path, data=data(TABLE, ROWS)).data.content
    assert isinstance(found, TableContent) and list(found.columns) == ["나이", "price in €"]
    assert found.columns["나이"].type == "integer"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"kind": "smell"}, "data.content.kind: must be one of array, text, image, audio, video, table (is 'smell')"),
        ({"kind": None}, "data.content.kind: must be one of array"),
        ({"kind": ["text"]}, "data.content.kind:"),
        ("text", "data.content.range: is missing"),
        ({"kind": "text", "max_chars": 0}, "data.content.max_chars:"),
        ({"kind": "text", "shape": [3]}, "data.content.shape: there is no such key"),
        ({"shape": [0], "range": [0, 1]}, "data.content.shape.0:"),
        ({"shape": [2], "range": [0, 1], "dtype": "float16"}, "data.content.dtype:"),
    ],
)
def test_what_is_no_content_is_told_with_its_place(tmp_path: Path, content: Any, says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        load(tmp_path, data=data(content))
    if content != "text":
        assert caught.value.problems[0].startswith(says), caught.value.problems
    assert all(one.startswith("data.content") for one in caught.value.problems)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"kind": "image", "formats": ["psd"]}, "data.content.formats.0:"),
        ({"kind": "image", "formats": []}, "data.content.formats:"),
        ({"kind": "image", "max_bytes": 0}, "data.content.max_bytes:"),
        ({"kind": "audio", "max_seconds": 0}, "data.content.max_seconds:"),
    ],
)
def test_what_is_no_file_is_told_with_its_place(tmp_path: Path, content: Any, says: str) -> None:
    assert problem(tmp_path, data=data(content)).startswith(says)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({}, "data.content.columns: "),
        (..., "data.content.columns: is missing"),
        ({"a": {}}, "data.content.columns.a.type: is missing"),
        ({"a": {"type": "money"}}, "data.content.columns.a.type:"),
        ({"a": {"type": "text", "range": [0, 1]}}, "data.content.columns.a.range: range means nothing to the type text"),
        ({"a": {"type": "number", "range": [1, 0]}}, "data.content.columns.a.range: must be [least, greatest]"),
        ({"a": {"type": "number", "range": [1]}}, "data.content.columns.a.range.1: is missing"),
        ({"a": {"type": "text", "choices": ["x"]}}, "data.content.columns.a.choices: choices mean nothing to the type text"),
        ({"a": {"type": "category", "choices": []}}, "data.content.columns.a.choices:"),
        ({"a": {"type": "number", "max_missing": 2}}, "data.content.columns.a.max_missing:"),
        ({"a": {"type": "number", "colour": 2}}, "data.content.columns.a.colour: there is no such key"),
        ({"나이 ": {"type": "number"}}, "data.content.columns.나이 "),
        ({"\x00b": {"type": "number"}}, "data.content.columns"),
        ({"a\x00b": {"type": "number"}}, "data.content.columns"),
        ({"a\x1bb": {"type": "number"}}, "data.content.columns"),
        ({"a\n": {"type": "number"}}, "data.content.columns"),
        ({1: {"type": "number"}}, "data.content.columns.1"),
        ({"": {"type": "number"}}, "data.content.columns"),
        ({"x" * 201: {"type": "number"}}, "data.content.columns"),
    ],
)
def test_what_is_no_column_is_told_with_its_place(tmp_path: Path, columns: Any, says: str) -> None:
    content = {"kind": "table"} if columns is ... else {"kind": "table", "columns": columns}
    with pytest.raises(ProjectError) as caught:
        load(tmp_path, data=data(content, ROWS))
    assert caught.value.problems[0].startswith(says)


@pytest.mark.parametrize("task", ["regression", "question_answering"])
def test_classes_mean_nothing_to_numbers_and_answers(tmp_path: Path, task: str) -> None:
    content = {"kind": "table", "columns": {name: {"type": "text"} for name in ("context", "question")}}
    assert f"classes mean nothing to the task {task}" in problem(tmp_path, task=task, data=data(content, ROWS))
    assert load(tmp_path, task=task, classes=..., data=data(content, ROWS)).classes == []


@pytest.mark.parametrize(
    "split",
    [
        {"method": "stratified", "ratios": RATIOS},
        {"method": "kfold", "folds": 3, "test": 0.2},
        {"method": "nested", "folds": 3, "inner_folds": 2, "by": "stratified"},
    ],
)
def test_no_strata_without_classes(tmp_path: Path, split: dict[str, Any]) -> None:
    says = "split by stratified needs classes, which the task regression has not: take random, grouped or time"
    assert says in problem(tmp_path, task="regression", classes=..., split=split)
    assert load(tmp_path, split=split)
    if split["method"] != "stratified":
        assert load(tmp_path, task="regression", classes=..., split={**split, "by": "random"})


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("detection", "text"),
        ("segmentation", "array"),
        ("tagging", "table"),
        ("tagging", "image"),
        ("question_answering", "text"),
    ],
)
def test_each_task_is_about_its_own_content(tmp_path: Path, task: str, kind: str) -> None:
    content: dict[str, Any] = {"kind": kind}
    if kind == "array":
        content |= {"shape": [2], "range": [0, 1]}
    if kind == "table":
        content |= {"columns": COLUMNS}
    found = problem(tmp_path, task=task, data=data(content, ROWS if kind == "table" else None))
    assert f"task {task} is about content of kind" in found and f"not {kind}" in found


@pytest.mark.parametrize(
    "columns", [{"context": {"type": "text"}}, {name: {"type": "category"} for name in ("context", "question")}]
)
def test_question_answering_needs_its_two_columns(tmp_path: Path, columns: dict[str, Any]) -> None:
    found = problem(tmp_path, task="question_answering", classes=..., data=data({"kind": "table", "columns": columns}, ROWS))
    assert "needs the text columns context and question in data.content.columns" in found


@pytest.mark.parametrize(
    ("content", "source", "says"),
    [
        (TABLE, {**ROWS, "content": "body"}, "rows of a table have the columns of content.columns: leave source.content out"),
        ({"kind": "text"}, ROWS, "source.content: must name the field that holds the item, which is of kind text"),
        ({"kind": "text"}, {**ROWS, "content": ["a", "b"]}, "source.content: must be one field for content of kind text"),
        (TABLE, {"kind": "files", "url": "in", "format": "image"}, "rows of a table have the columns"),
        (
            {"kind": "image"},
            {"kind": "files", "url": "in", "format": "text"},
            "source.format: must be image for content of kind image",
        ),
        ({"kind": "text"}, {"kind": "files", "url": "in", "format": "npy"}, "source.format: must be text"),
        (
            {"kind": "text"},
            {"kind": "files", "url": "in", "format": "video", "frame_every_s": 1},
            "source.frame_every_s gives pictures: content must be of kind image",
        ),
        (
            {"kind": "image"},
            {"kind": "files", "url": "in", "format": "image", "frame_every_s": 1},
            "frame_every_s means nothing to format image",
        ),
    ],
)
def test_source_and_content_fit_together(tmp_path: Path, content: Any, source: Any, says: str) -> None:
    found = problem(tmp_path, data=data(content, source))
    assert found.startswith("data") and says in found


def test_steps_that_need_arrays_say_so(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="this step needs arrays, and items are of kind text"):
        _ = load(tmp_path).array


def test_a_refining_step_is_named_like_one(tmp_path: Path) -> None:
    source = data({"kind": "text"})
    assert problem(tmp_path, data={**source, "refine": [{"use": "../x"}]}).startswith("data.refine.0.use:")
    assert problem(tmp_path, data={**source, "refine": [{"params": {}}]}).startswith("data.refine.0.use: is missing")
    assert problem(tmp_path, data={**source, "refine": [{"use": "a", "with": 1}]}).startswith(
        "data.refine.0.with: there is no such key"
    )
    assert load(tmp_path, data={**source, "refine": [{"use": "own.steps:clean"}]}).data.refine[0].params == {}
