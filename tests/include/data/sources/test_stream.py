"""Rounds from a stream: micro-batches that go on where the last merged one ended."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from include import data
from include.data import rounds
from include.data.topic import Topic

pytestmark = pytest.mark.integration


@pytest.fixture
def topic(world: Any) -> Topic:
    return Topic.create(world.settings.home / "topics", "scans", partitions=2, segment_bytes=2000)


def stream(using: Any, **more: Any) -> Any:
    return using(kind="topic", topic="scans", **{"content": "pixels", "label": "digit", "taken_at": "at", **more})


def test_micro_batches_join_without_gap_or_repeat(using: Any, topic: Topic, record: Any) -> None:
    world = stream(using, max_records=25)
    assert world.collect("r0")["count"] == 0
    topic.append([(None, record(n)) for n in range(30)], partition=0)
    topic.append([(None, record(n)) for n in range(30, 70)], partition=1)
    using.limits(min_rows_per_class=0)
    counts = [using.merged(f"r{n}")["count"] for n in range(1, 4)]
    assert counts == [25, 25, 20] and world.collect("r4")["count"] == 0
    keys = using.all_keys()
    assert sorted(keys) == sorted([f"0:{n}" for n in range(30)] + [f"1:{n}" for n in range(40)])
    topic.append([(None, record(n)) for n in range(70, 82)], partition=1)
    last = using.merged("r5")
    assert using.described(last)["high_water_marks"] == {"topic:scans": {"type": "offsets", "offsets": {"0": 30, "1": 52}}}


def test_a_retry_and_a_merge_behind_another_run_take_nothing_twice(
    using: Any, topic: Topic, record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = stream(using)
    topic.append([(None, record(n)) for n in range(20)])
    with monkeypatch.context() as broken:
        broken.setattr("include.data.collect.save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.collect("r1")
    one = world.collect("r1")
    topic.append([(None, record(n)) for n in range(20, 40)])
    other = world.collect("r2")
    world.check(one), world.check(other)
    assert world.merge(one)["count"] == 20
    assert world.merge(other)["count"] == 20
    assert sorted(using.all_keys()) == sorted(f"0:{n}" for n in range(40))


def test_what_a_producer_sent_twice_is_taken_once(using: Any, topic: Topic, record: Any) -> None:
    world = stream(using, key="id")
    topic.append([(None, record(n % 20)) for n in range(40)])
    ref = world.collect()
    assert using.keys(ref) == [str(n) for n in range(20)] and using.described(ref)["findings"]["repeated"] == 20


def test_bad_records(using: Any, topic: Topic, record: Any) -> None:
    world = stream(using)
    topic.append([(None, record(n)) for n in range(12)] + [(None, None), (None, "글"), (None, {"pixels": "[1,2"})])
    with pytest.raises(data.DataCheckError, match=r"bad_rows is 0\.2, .*partition 0, offset 12: a record is an object"):
        world.check(world.collect())
    assert rounds.numbers(world.dev) == []


def test_a_topic_that_went_back_or_lost_records(using: Any, topic: Topic, record: Any) -> None:
    world = stream(using, max_records=12)
    [topic.append([(None, record(n))], partition=0) for n in range(40)]
    using.merged("r1")
    topic.drop_before(0, 39)
    begin = topic.beginning_offsets()[0]
    with pytest.raises(data.SourceError, match=f"offsets 12 to {begin - 1} of partition 0 were deleted before collection"):
        world.collect("r2")
    shutil.rmtree(topic.path)
    with pytest.raises(data.SourceError, match="no such topic"):
        world.collect("r3")
    Topic.create(topic.path.parent, "scans")
    with pytest.raises(data.SourceError, match="partition 0 ends at offset 0, and was collected up to 12 before"):
        world.collect("r4")
