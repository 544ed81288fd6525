"""Rules of masking that do not fit are refused when project.yaml is read, each with its column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.projects import ProjectError
from tests.include.data.privacy.conftest import COLUMNS, MASKING, RULES, project_file


def table(folder: Path, columns: dict[str, Any] | None = None, masking: dict[str, Any] | None = None, **rules: Any) -> Any:
    data = {
        "source": {"kind": "sql", "table": "t", "key": "id", "label": "label"},
        "content": {"kind": "table", "columns": {**COLUMNS, **(columns or {})}},
        "masking": {**MASKING, "columns": {name: rule for name, rule in {**RULES, **rules}.items() if rule}, **(masking or {})},
    }
    return project_file(folder, data)


def test_rules_that_fit(tmp_path: Path) -> None:
    assert table(tmp_path).data.masking.columns["age"].step == 10


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"memo": None}, "columns.memo: has no rule: say drop, hash"),
        ({"nowhere": {"rule": "drop"}}, "columns.nowhere: there is no such column in data.content"),
        ({"이름 없음": {"rule": "drop"}}, "columns.이름 없음: there is no such column"),
        ({"name": {"rule": "keep"}}, "columns.name: it is about a person and may not be kept"),
        ({"age": {"rule": "hash"}}, "columns.age: hash is for text"),
        ({"amount": {"rule": "fake", "kind": "name"}}, "columns.amount: fake is for text"),
        ({"city": {"rule": "redact"}}, "columns.city: redact is for text"),
        (
            {"city": {"rule": "generalise", "prefix": 1}},
            "columns.city: prefix gives values that are none of the column's choices",
        ),
        ({"city": {"rule": "generalise", "groups": {"모두": ["서울"]}}}, "columns.city: 모두 must be among the column's choices"),
        ({"age": {"rule": "generalise", "to": "month"}}, "columns.age: to is for time, and this is integer"),
        ({"age": {"rule": "generalise", "step": 2.5}}, "columns.age: edges of an integer must be whole numbers"),
        ({"age": {"rule": "generalise"}}, "generalise takes one of step, bins, to, prefix, groups, and none is given"),
        ({"age": {"rule": "generalise", "step": 1, "bins": [0, 1]}}, "and step, bins is given"),
        ({"age": {"rule": "generalise", "bins": [3, 1]}}, "bins: must go up"),
        ({"age": {"rule": "generalise", "step": 0}}, "must be above 0"),
        ({"age": {"rule": "generalise", "step": float("nan")}}, "data.masking"),
        ({"city": {"rule": "generalise", "groups": {"수도권": ["서울"], "지방": ["서울"]}}}, "a category is in two groups"),
        ({"name": {"rule": "fake", "kind": "soul"}}, "data.masking.columns.name"),
        ({"name": {"rule": "burn"}}, "data.masking.columns.name"),
        ({"name": {"rule": "drop", "why": "x"}}, "there is no such key"),
    ],
)
def test_rules_that_do_not(tmp_path: Path, rules: dict[str, Any], said: str) -> None:
    with pytest.raises(ProjectError) as caught:
        table(tmp_path, **rules)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "masking", "said"),
    [
        ({}, {"quasi_identifiers": ["city", "visited"]}, "quasi_identifiers: must name age, which is about a person"),
        ({}, {"quasi_identifiers": ["age", "city", "visited", "x"]}, "quasi_identifiers: there is no column 'x'"),
        ({}, {"l": 2}, "l above 1 needs sensitive"),
        ({}, {"sensitive": ["y"]}, "sensitive: there is no column 'y'"),
        (
            {"name": {"type": "text", "unique": True}},
            {},
            "columns.name: fake may give two rows one value, and the column is unique",
        ),
        ({}, {"content": {"rule": "keep"}}, "content means nothing to a table"),
        ({}, {"k": 1}, "must be at least 2"),
        ({}, {"rows": 0}, "must be at least 1"),
        ({}, {"max_suppressed": 1.5}, "must be at most 1"),
        ({}, {"kinds": ["dreams"]}, "data.masking.kinds"),
        ({}, {"regions": ["kr"]}, "data.masking.regions"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, columns: dict[str, Any], masking: dict[str, Any], said: str) -> None:
    with pytest.raises(ProjectError) as caught:
        table(tmp_path, columns, masking)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "masking", "said"),
    [
        ({"kind": "text"}, {}, "content needs a rule for kind text: one of redact, keep"),
        ({"kind": "text"}, {"content": {"rule": "blur"}}, "content needs a rule for kind text"),
        (
            {"kind": "text"},
            {"content": {"rule": "redact"}, "columns": {"a": {"rule": "drop"}}},
            "columns mean nothing to content",
        ),
        (
            {"kind": "text"},
            {"content": {"rule": "redact"}, "quasi_identifiers": ["a"]},
            "quasi_identifiers are columns of a table",
        ),
        (
            {"kind": "image"},
            {"content": {"rule": "keep"}},
            "content needs a rule for kind image: one of drop_metadata, blur, pixelate",
        ),
        (
            {"kind": "image"},
            {"content": {"rule": "blur", "classes": ["face"]}},
            "content.classes are boxes of the task detection",
        ),
        ({"kind": "audio"}, {"content": {"rule": "keep"}}, "no rule masks content of kind audio: such data stays in ops"),
        ({"kind": "video"}, {}, "no rule masks content of kind video"),
        ({"shape": [8], "range": [0, 1]}, {"content": {"rule": "pixelate"}}, "pixelate needs arrays of two dimensions"),
        ({"shape": [8], "range": [0, 1]}, {}, "content needs a rule for kind array: one of keep, pixelate"),
    ],
)
def test_contents(tmp_path: Path, content: dict[str, Any], masking: dict[str, Any], said: str) -> None:
    source = {"kind": "sql", "table": "t", "key": "id", "content": "c", "label": "label"}
    domain = {"text": "language"}.get(content.get("kind", ""), "vision")
    with pytest.raises(ProjectError) as caught:
        project_file(tmp_path, {"source": source, "content": content, "masking": masking}, domain=domain)
    assert said in str(caught.value)
