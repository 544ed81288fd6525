"""Rounds from Kafka: read over its protocol at the offsets that rounds hold."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from include import data
from include.data import items, rounds
from include.data.sources import pending
from include.data.sources.kafka import KafkaStream
from include.projects.sources import KafkaSource, Source

pytestmark = pytest.mark.integration

FIELDS = {"content": "pixels", "label": "digit", "taken_at": "at"}


@pytest.fixture
def topic(kafka: Any) -> str:
    return kafka.topic()


def stream(using: Any, kafka: Any, topic: str, **more: Any) -> Any:
    return using(kind="kafka", topic=topic, **{"servers": [kafka.server], "timeout_s": 10, **FIELDS, **more})


def test_micro_batches_join_without_gap_or_repeat(using: Any, kafka: Any, topic: str, record: Any) -> None:
    world = stream(using, kafka, topic, max_records=25)
    using.limits(min_rows_per_class=0)
    kafka.send(topic, [record(n) for n in range(30)], 0)
    kafka.send(topic, [record(n) for n in range(30, 70)], 1)
    found = pending(world.settings, world.project, "dev")
    assert found["new"] and found["count"] == 70
    counts = [using.merged(f"r{n}")["count"] for n in range(1, 4)]
    assert counts == [25, 25, 20] and world.collect("r4")["count"] == 0
    after = pending(world.settings, world.project, "dev")
    assert not after["new"] and after["state"] != found["state"]
    assert sorted(using.all_keys()) == sorted([f"0:{n}" for n in range(30)] + [f"1:{n}" for n in range(40)])
    kafka.send(topic, [record(n) for n in range(70, 82)], 1)
    mark = using.described(using.merged("r5"))["high_water_marks"][f"kafka:{topic}"]
    assert (mark["offsets"]["0"], mark["offsets"]["1"]) == (30, 52)


def test_a_killed_collection_leaves_nothing_and_takes_the_same_again(
    using: Any, kafka: Any, topic: str, record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = stream(using, kafka, topic)
    kafka.send(topic, [record(n) for n in range(20)])
    for step in ("include.data.collect.save", "include.data.items.write"):
        with monkeypatch.context() as broken:
            broken.setattr(step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                world.collect("r1")
        assert rounds.numbers(world.dev) == []
    one, other = world.collect("r1"), world.collect("r2")
    world.check(one), world.check(other)
    assert world.merge(one)["count"] == 20 and world.merge(other)["count"] == 0
    assert sorted(using.all_keys()) == sorted(f"0:{n}" for n in range(20))


def test_bytes_keys_headers_and_times(using: Any, kafka: Any, topic: str, picture: Any) -> None:
    names = {"content": "@value", "label": "@header.digit", "taken_at": "@time", "group": "@key"}
    world = stream(using, kafka, topic, **names)
    for n in range(12):
        kafka.send(
            topic,
            [picture(n).tobytes()],
            key="장치-1",
            headers={"digit": str(n % 10), "x": None},
            timestamp=1_770_000_000_000 + n,
        )
    ref = world.collect()
    world.check(ref)
    columns = ["content", "label", "taken_at", "group"]
    table = items.read(world.dev, ref["branch"], rounds.items_path(1), columns).to_pydict()
    assert table["content"] == [picture(n).tobytes() for n in range(12)] and table["group"] == ["장치-1"] * 12
    assert table["label"] == [str(n % 10) for n in range(12)] and table["taken_at"][1].timestamp() == 1_770_000_000.001


def test_bad_records_are_counted_and_named(using: Any, kafka: Any, topic: str, record: Any) -> None:
    world = stream(using, kafka, topic)
    wrong = [b"\xff\xfe", None, b"[" * 100_000, {"pixels": [float("nan")] * 64}, {"pixels": [1, 2]}, {"pixels": "\U0001f600"}, []]
    kafka.send(topic, [record(n) for n in range(13)] + wrong)
    ref = world.collect()
    found = using.described(ref)["findings"]
    assert (ref["count"], found["rows"], found["bad"]) == (13, 20, 7) and "offset 13: its value is no JSON" in found["examples"][
        0
    ]
    with pytest.raises(data.DataCheckError, match=r"bad_rows is 0\.35"):
        world.check(ref)
    assert rounds.numbers(world.dev) == []


def test_no_topic_and_no_cluster(using: Any, kafka: Any, topic: str, free_port: Any) -> None:
    world = stream(using, kafka, topic)
    with pytest.raises(data.SourceError, match="there is no such topic"):
        world.collect()
    stream(using, kafka, topic, servers=[f"127.0.0.1:{free_port()}"], timeout_s=1)
    with pytest.raises(data.SourceUnavailable, match="does not answer as it should"):
        world.collect("r2")
    with pytest.raises(data.SourceUnavailable):
        pending(world.settings, world.project, "dev")


def test_a_cluster_that_goes_silent_in_the_middle(using: Any, kafka: Any, topic: str, record: Any) -> None:
    world = stream(using, kafka, topic, timeout_s=1)
    kafka.send(topic, [record(n) for n in range(20)])
    with KafkaStream(world.project.data.source, "kafka") as opened:
        found = []
        with pytest.raises(data.SourceUnavailable, match="nothing came from partition 0 in 1 s"):
            for one in opened.read(0, 0, 25):
                found.append(one.offset)
    assert found == list(range(20))


def test_a_topic_that_went_back(using: Any, kafka: Any, topic: str, record: Any) -> None:
    world = stream(using, kafka, topic)
    kafka.send(topic, [record(n) for n in range(20)])
    using.merged("r1")
    other = kafka.topic()
    kafka.send(other, [record(n) for n in range(5)])
    spec = world.project.data.source
    reader = data.collect.Sources  # what the next collection would make, with the mark of a topic that held more
    past = {f"kafka:{other}": {"type": "offsets", "offsets": {"0": 20}}}
    stream(using, kafka, other)
    with pytest.raises(data.SourceError, match="partition 0 ends at offset 5, and was collected up to 20 before"):
        list(reader(world.settings, world.project, world.dev, [], past).items())
    assert spec.topic == topic


def test_records_that_are_gone(using: Any, kafka: Any, topic: str, record: Any) -> None:
    world = stream(using, kafka, topic)
    kafka.send(topic, [record(n) for n in range(5)])
    with KafkaStream(world.project.data.source, "kafka") as opened, pytest.raises(data.SourceError, match="were deleted while"):
        list(opened.read(0, 100, 120))


def test_options_come_from_the_environment_and_are_never_said(
    using: Any, kafka: Any, topic: str, record: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    kafka.send(topic, [record(n) for n in range(12)])
    world = stream(using, kafka, topic, servers=[], options_env="KAFKA_OPTIONS")
    for wrong, said in (
        ("", "holds no JSON object"),
        ("[1]", "holds no JSON object"),
        ('{"a": {"b": 1}}', "holds no JSON object"),
        ('{"bootstrap.servers": ""}', "no broker is named"),
        (json.dumps({"bootstrap.servers": kafka.server, "auto.offset.reset": "latest"}), "sets auto.offset.reset"),
        (json.dumps({"bootstrap.servers": kafka.server, "plugin.library.paths": "x.so"}), "sets plugin.library.paths"),
        (json.dumps({"bootstrap.servers": kafka.server, "security.protocol": "S3cret"}), "its options cannot be used"),
        (json.dumps({"bootstrap.servers": kafka.server, "sasl.s3cret": "S3cret"}), "its options cannot be used"),
    ):
        monkeypatch.setenv("KAFKA_OPTIONS", wrong)
        with pytest.raises(data.SourceError, match=said) as caught:
            world.collect()
        assert "S3cret" not in str(caught.value)
    good = {"bootstrap.servers": kafka.server, "client.id": "수집", "group.id": "team"}
    monkeypatch.setenv("KAFKA_OPTIONS", json.dumps(good))
    assert world.collect()["count"] == 12
    refused = {"bootstrap.servers": kafka.server, "security.protocol": "SSL"}
    monkeypatch.setenv("KAFKA_OPTIONS", json.dumps(refused))
    stream(using, kafka, topic, servers=[], options_env="KAFKA_OPTIONS", timeout_s=2)
    with pytest.raises(data.DataError, match=r"refuses this caller|does not answer"):
        world.collect("r2")
    assert "S3cret" not in caplog.text


def test_a_port_that_speaks_something_else(using: Any, kafka: Any, topic: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        world = stream(using, kafka, topic, servers=[f"127.0.0.1:{silent.getsockname()[1]}"], timeout_s=1)
        with pytest.raises(data.SourceUnavailable):
            world.collect()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"servers": []}, "name servers, or options_env"),
        ({"servers": ["user:secret@host:9092"]}, "pattern"),
        ({"topic": "../x"}, "pattern"),
        ({"topic": "한글"}, "pattern"),
        ({"content": "@value", "label": "digit"}, "with content @value a record has no fields"),
        ({"label": "@folder"}, "@folder is none of"),
        ({"max_records": 0}, "greater than or equal to 1"),
        ({"timeout_s": 0}, "greater than 0"),
    ],
)
def test_a_wrong_description(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(Source).validate_python({"kind": "kafka", "topic": "t", "servers": ["h:1"], "content": "x", **change})


def test_the_whole_description() -> None:
    spec = TypeAdapter(Source).validate_python(
        {"kind": "kafka", "topic": "t", "servers": ["[::1]:9092", "b.c:1"], "content": "@value"}
    )
    assert isinstance(spec, KafkaSource) and spec.raw and spec.needed == []
