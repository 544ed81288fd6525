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
KAFKA = {"kind": "kafka", "topic": "scans", "content": "pixels"}


def load(folder: Path, source: Any) -> Any:
    document = {**GOOD, "data": {**GOOD["data"], "source": source}}
    (folder / "digits").mkdir(exist_ok=True)
    (folder / "digits" / "project.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return load_project("digits", folder).data.source


@pytest.mark.parametrize("source", [GOOD["data"]["source"], FILES, REST, TOPIC, {**KAFKA, "options_env": "KAFKA"}])
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
        ({}, "data.source.kind: is missing"),
        ({"kind": "ftp"}, "data.source.kind: must be one of sql, files, rest, topic, kafka (is 'ftp')"),
        ({"kind": "kafka"}, "data.source.topic: is missing"),
        (KAFKA, "name servers, or options_env"),
        ({**KAFKA, "servers": ["user:secret@b:9092"]}, "data.source.servers.0:"),
        ({**FILES, "frame_every_s": 1}, "frame_every_s means nothing to format csv"),
        ({**FILES, "format": "video", "content": None}, "source.format: must be npy or raw or image"),
        ({**FILES, "table": "scans"}, "data.source.table: there is no such key"),
        ({**FILES, "format": "xls"}, "data.source.format:"),
        ({**FILES, "content": None}, "content: must name the field"),
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
        (
            {**REST, "pagination": {"style": "guess"}},
            "data.source.pagination.style: must be one of page, cursor, link, none (is 'guess')",
        ),
        ({**REST, "pagination": {"style": "page", "size": 0}}, "data.source.pagination.size:"),
        ({**REST, "pagination": {"style": "cursor", "size": 5}}, "data.source.pagination.size: there is no such key"),
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
    assert {load(tmp_path, one).kind for one in shown} == {"sql", "files", "rest", "topic", "kafka"}


def data_of(folder: Path, **more: Any) -> Any:
    document = {**GOOD, "data": {**GOOD["data"], **more}}
    (folder / "digits").mkdir(exist_ok=True)
    (folder / "digits" / "project.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return load_project("digits", folder).data


def test_further_sources(tmp_path: Path) -> None:
    found = data_of(tmp_path, more_sources={"stream": TOPIC, "archive": FILES})
    assert {name: one.kind for name, one in found.sources.items()} == {"": "sql", "stream": "topic", "archive": "files"}
    assert list(data_of(tmp_path).sources) == [""]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"Stream": TOPIC}, "data.more_sources.Stream"),
        ({"a=b": TOPIC}, "data.more_sources.a=b"),
        ({"../x": TOPIC}, "data.more_sources.../x"),
        ({"stream": {"kind": "ftp"}}, "data.more_sources.stream.kind: must be one of"),
        ({"stream": {**TOPIC, "max_records": 0}}, "data.more_sources.stream.max_records: "),
        ({"stream": {**TOPIC, "content": None}}, "source.content: must name the field"),
    ],
)
def test_further_sources_that_are_wrong(tmp_path: Path, more: Any, says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        data_of(tmp_path, more_sources=more)
    assert says in str(caught.value)


@pytest.mark.parametrize("schedule", ["0 2 * * *", "*/5 * * * 1-5", "@hourly", "@daily", None])
def test_when_it_starts(tmp_path: Path, schedule: str | None) -> None:
    start = data_of(tmp_path, start={"schedule": schedule, "sensor": True, "min_new": 500, "poll_seconds": 5}).start
    assert (start.schedule, start.sensor, start.min_new, start.poll_seconds) == (schedule, True, 500, 5)
    assert not data_of(tmp_path).start.sensor and data_of(tmp_path).start.schedule is None


@pytest.mark.parametrize(
    ("start", "says"),
    [
        ({"schedule": "every day"}, "is no cron expression of five fields"),
        ({"schedule": "61 2 * * *"}, "is no cron expression of five fields"),
        ({"schedule": "0 0 2 * * *"}, "is no cron expression of five fields"),
        ({"schedule": ""}, "is no cron expression of five fields"),
        ({"schedule": "0 2 31 2 *"}, "names a day that never comes"),
        ({"schedule": "@continuous"}, "is no cron expression of five fields"),
        ({"min_new": 0}, "data.start.min_new:"),
        ({"poll_seconds": 0}, "data.start.poll_seconds:"),
        ({"sensor": "perhaps"}, "data.start.sensor:"),
        ({"at": "noon"}, "data.start.at: there is no such key"),
    ],
)
def test_a_start_that_cannot_be(tmp_path: Path, start: Any, says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        data_of(tmp_path, start=start)
    assert says in str(caught.value)
