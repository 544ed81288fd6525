"""Several sources in one project: one round, a mark each, and nothing of one is taken for another's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from include import data
from include.data import rounds
from include.data.sources import pending
from include.data.topic import Topic
from include.projects.sources import Source

pytestmark = pytest.mark.integration

FIELDS = {"content": "pixels", "label": "digit", "taken_at": "at"}


@pytest.fixture
def several(world: Any, using: Any) -> Any:
    """Return a function that gives the world's project further sources beside its table."""

    def give(**more: Any) -> Any:
        specs = {name: TypeAdapter(Source).validate_python(spec) for name, spec in more.items()}
        own = world.project.data.model_copy(update={"more_sources": specs})
        world.project = world.project.model_copy(update={"data": own})
        return world

    return give


@pytest.fixture
def topic(world: Any) -> Topic:
    return Topic.create(world.settings.home / "topics", "scans")


@pytest.fixture
def files(world: Any, record: Any) -> Any:
    """Return a function that writes numbered records to a file of the folder ``in``."""

    def write(name: str, numbers: Any) -> None:
        path = world.settings.home / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(record(n)) + "\n" for n in numbers), encoding="utf-8")

    return write


STREAM = {"kind": "topic", "topic": "scans", **FIELDS}
FILES = {"kind": "files", "url": "in", "format": "jsonl", **FIELDS}


def test_a_table_files_and_a_stream_make_one_round(
    several: Any, using: Any, topic: Topic, files: Any, record: Any, rows: Any
) -> None:
    world = several(stream=STREAM, archive=FILES)
    topic.append([(None, record(n)) for n in range(1000, 1030)])
    files("1.jsonl", range(2000, 2020))
    found = pending(world.settings, world.project, "dev")
    assert found["count"] == 200 + 30 + 1 and found["sources"]["archive=files:in"] == 1
    ref = using.merged("r1")
    assert ref["count"] == 250 and ref["source"] == "sql:scans + stream=topic:scans + archive=files:in"
    document = using.described(ref)
    assert document["sources"] == {"sql:scans": 200, "stream=topic:scans": 30, "archive=files:in": 20}
    assert set(document["high_water_marks"]) == set(document["sources"])
    assert {"1", "stream:0:0", "archive:1.jsonl#1"} <= set(using.keys(ref))
    assert {"pixels", "stream:pixels", "archive:pixels"} <= set(document["findings"]["columns"])
    assert world.collect("r2")["count"] == 0 and not pending(world.settings, world.project, "dev")["new"]

    topic.append([(None, record(1030))])
    files("1.jsonl", range(2000, 2025))  # grew: the first 20 were taken
    world.insert(rows(200, 5))
    using.limits(min_rows_per_class=0)
    later = using.described(using.merged("r3"))
    assert later["sources"] == {"sql:scans": 5, "stream=topic:scans": 1, "archive=files:in": 5}
    assert len(set(using.all_keys())) == len(using.all_keys()) == 261


def test_a_source_that_is_added_or_taken_out_keeps_the_marks_of_the_others(
    several: Any, using: Any, topic: Topic, record: Any, rows: Any
) -> None:
    world = several()
    using.merged("r1")
    several(stream=STREAM)
    topic.append([(None, record(n)) for n in range(1000, 1012)])
    using.limits(min_rows_per_class=0)
    assert using.described(using.merged("r2"))["sources"] == {"sql:scans": 0, "stream=topic:scans": 12}
    several()
    world.insert(rows(200, 12))
    assert using.merged("r3")["count"] == 12
    several(stream=STREAM)
    topic.append([(None, record(n)) for n in range(1012, 1024)])
    assert using.described(using.merged("r4"))["sources"] == {"sql:scans": 0, "stream=topic:scans": 12}
    assert len(set(using.all_keys())) == len(using.all_keys()) == 236


def test_equal_keys_of_two_sources_are_two_items(several: Any, using: Any, files: Any) -> None:
    world = several(a={**FILES, "key": "id"}, b={**FILES, "key": "id"})
    files("1.jsonl", range(1, 13))
    using.limits(max_duplicates=1.0)
    ref = world.collect()
    world.check(ref)
    keys = using.keys(ref)
    assert len(keys) == len(set(keys)) == 224 and {"1", "a:1.jsonl#1", "b:1.jsonl#1"} <= set(keys)


def test_one_source_that_is_down_leaves_no_round(several: Any, using: Any, topic: Topic, record: Any) -> None:
    world = several(stream={**STREAM, "topic": "nowhere"})
    with pytest.raises(data.SourceError, match="there is no such topic"):
        world.collect()
    with pytest.raises(data.SourceError, match="there is no such topic"):
        pending(world.settings, world.project, "dev")
    assert rounds.numbers(world.dev) == []
    name = "sql:scans + stream=topic:nowhere"
    assert not world.dev.has(rounds.branch_name("r1", name)) and "nowhere" in name


def test_drift_names_the_source(several: Any, using: Any, topic: Topic, record: Any) -> None:
    world = several(stream=STREAM)
    using.limits(min_rows_per_class=0, min_rows=1)
    topic.append([(None, record(n)) for n in range(1000, 1012)])
    using.merged("r1")
    world.insert([(900, bytes(64), 1, "2026-01-05T09:00:00+09:00")])
    using.merged("r2")  # the stream had nothing: what it looked like is known from the round before
    topic.append([(None, record(n)) for n in range(1012, 1024)])
    ref = world.collect("r3")
    checks = {check["name"]: check for check in world.check(ref)["checks"]}
    assert "warnings" not in checks["source_columns"]  # of a table that had nothing new, nothing is new or gone
    world.merge(ref)
    topic.append([(None, record(n, digit=str(n % 10))) for n in range(1024, 1036)])
    with pytest.raises(data.DataCheckError, match="stream:digit: number before, text now"):
        world.check(world.collect("r4"))
    topic.append([(None, "글")] * 30)
    with pytest.raises(data.DataCheckError, match=r"bad_rows is .*stream: partition 0, offset 36: a record is an object"):
        world.check(world.collect("r5"))


def test_what_one_source_gave_is_not_taken_for_anothers(several: Any, using: Any, world: Any, record: Any) -> None:
    def write(folder: str, numbers: Any) -> None:
        path = world.settings.home / folder / "1.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(record(n)) + "\n" for n in numbers), encoding="utf-8")

    using(**FILES, key="id")
    several(other={**FILES, "url": "other", "key": "id"})
    using.limits(min_rows_per_class=0, max_duplicates=1.0, min_rows=1)
    write("in", range(20))
    write("other", range(10))
    assert using.merged("r1")["count"] == 30
    write("other", range(15))
    assert using.keys(using.merged("r2")) == [f"other:1.jsonl#{n}" for n in range(10, 15)]


def test_two_runs_at_once(several: Any, using: Any, topic: Topic, files: Any, record: Any) -> None:
    world = several(stream=STREAM, archive=FILES)
    topic.append([(None, record(n)) for n in range(1000, 1020)])
    files("1.jsonl", range(2000, 2020))
    one = world.collect("r1")
    topic.append([(None, record(n)) for n in range(1020, 1030)])
    other = world.collect("r2")
    world.check(one), world.check(other)
    using.limits(min_rows_per_class=0)
    assert world.merge(one)["count"] == 240 and world.merge(other)["count"] == 10
    assert len(set(using.all_keys())) == len(using.all_keys()) == 250
