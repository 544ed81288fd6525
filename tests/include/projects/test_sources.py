"""data.source of project.yaml: each kind takes its own fields, and what is wrong is told with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from include.projects import ProjectError, load_project
from include.settings import ROOT

GOOD: dict[str, Any] = yaml.safe_load((ROOT / "include" / "projects" / "digits" / "project.yaml").read_text(encoding="utf-8"))
FILES = {"kind": "files", "url": "/받은 파일", "format": "csv", "content": "pixels"}
REST = {"kind": "rest", "url": "https://api.example.com/v1/scans", "key": "id", "content": "pixels"}
TOPIC = {"kind": "topic", "topic": "scans", "content": "pixels"}


def load(folder: Path, source: Any) -> Any:
    document = {**GOOD, "data": {**GOOD["data"], "source": source}}
    (folder / "digits").mkdir(exist_ok=True)
    (folder / "digits" / "project.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return load_project("digits", folder).data.source


@pytest.mark.parametrize("source", [GOOD["data"]["source"], FILES, REST, TOPIC])
def test_each_kind_is_read(tmp_path: Path, source: dict[str, Any]) -> None:
    found = load(tmp_path, source)
    assert found.kind == source["kind"] and found.group is None and source["content"] in found.needed


def test_what_an_item_needs(tmp_path: Path) -> None:
    spec = load(tmp_path, {**FILES, "content": ["가", "b"], "label": "@folder", "taken_at": "at", "group": "b"})
    assert spec.needed == ["가", "b", "at"]
    assert load(tmp_path, {**REST, "time": "changed"}).needed == ["id", "pixels", "changed"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("a table", "data.source"),
        ({}, "data.source.kind: Unable to extract tag"),
        ({"kind": "kafka"}, "data.source.kind: Input tag 'kafka'"),
        ({**FILES, "table": "scans"}, "data.source.table: Extra inputs"),
        ({**FILES, "format": "xls"}, "data.source.format:"),
        ({**FILES, "content": None}, "content must name the field"),
        ({**FILES, "content": []}, "must name at least one"),
        ({**FILES, "content": ["a"], "decode": "hex"}, "with decode: array"),
        ({**FILES, "format": "image"}, "leave key and content out"),
        ({**FILES, "format": "image", "content": None, "label": "digit"}, "label of format image can only be @folder"),
        ({**FILES, "charset": "klingon"}, "charset 'klingon' is not known"),
        ({**FILES, "url": "s3://key:secret@bucket/in"}, "without credentials"),
        ({**FILES, "url": "zip://a::s3://b"}, "one plain address"),
        ({**FILES, "options_env": "A=B"}, "data.source.options_env:"),
        ({**REST, "url": "ftp://x/y"}, "data.source.url:"),
        ({**REST, "url": "https://user:secret@x/y"}, "data.source.url:"),
        ({**REST, "url": "https://x/y?key=secret"}, "data.source.url:"),
        ({**REST, "key": None}, "data.source.key:"),
        ({**REST, "pagination": {"style": "guess"}}, "data.source.pagination.style: Input tag 'guess'"),
        ({**REST, "pagination": {"style": "page", "size": 0}}, "data.source.pagination.size:"),
        ({**REST, "pagination": {"style": "cursor", "size": 5}}, "data.source.pagination.size: Extra inputs"),
        ({**REST, "tries": 0}, "data.source.tries:"),
        ({**REST, "requests_per_s": 0}, "data.source.requests_per_s:"),
        ({**TOPIC, "topic": "../etc"}, "data.source.topic:"),
        ({**TOPIC, "topic": "주제"}, "data.source.topic:"),
        ({**TOPIC, "max_records": 0}, "data.source.max_records:"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, source: Any, says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        load(tmp_path, source)
    assert says in str(caught.value)
    place = caught.value.problems[0].partition(":")[0].split(".")
    assert not {"files", "rest", "page", "cursor"} & set(place) and place.count("topic") < 2


def test_the_examples_of_the_readme(tmp_path: Path) -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    shown = [yaml.safe_load(line)["source"] for line in lines if line.startswith("source: {kind:")]
    assert {load(tmp_path, one).kind for one in shown} == {"sql", "files", "rest", "topic"}
