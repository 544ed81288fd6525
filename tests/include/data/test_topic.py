"""The local topic: durable offsets, whatever is killed, torn or asked wrongly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from include.data import topic as module
from include.data.consumer import TopicError
from include.data.topic import Topic


def values(topic: Topic, partition: int = 0, start: int = 0) -> list[Any]:
    return [record.value for record in topic.read(partition, start, topic.end_offsets()[partition])]


def test_what_is_appended_is_read_from_any_offset(tmp_path: Path) -> None:
    topic = Topic.create(tmp_path, "scans", segment_bytes=300)
    assert topic.end_offsets() == {0: 0} and values(topic) == []
    assert topic.append([(None, {"글": f"값 {n} 🖋"}) for n in range(3)]) == [(0, 0), (0, 1), (0, 2)]
    for n in range(3, 20):
        assert Topic.open(tmp_path, "scans").append([("열쇠", {"글": f"값 {n} 🖋"})]) == [(0, n)]
        topic.append([])
    for n in range(20, 30):
        topic.append([(None, {"글": f"값 {n} 🖋"})])
    assert len(list((tmp_path / "scans" / "0").glob("*.jsonl"))) > 2
    for start in range(31):
        assert values(topic, start=start) == [{"글": f"값 {n} 🖋"} for n in range(start, 30)]
    assert [record.offset for record in topic.read(0, 5, 8)] == [5, 6, 7]


def test_equal_keys_share_a_partition(tmp_path: Path) -> None:
    topic = Topic.create(tmp_path, "scans", partitions=4)
    places = topic.append([(f"k{n % 7}", n) for n in range(70)])
    assert sorted(topic.end_offsets()) == [0, 1, 2, 3] and len({p for p, _ in places}) > 1
    for n, (partition, offset) in enumerate(places):
        assert next(topic.read(partition, offset, offset + 1)).value == n
    assert len({places[n][0] for n in range(0, 70, 7)}) == 1
    assert Topic.create(tmp_path, "scans", partitions=9).partitions == 4
    assert topic.append([(None, 1)], partition=3)[0][0] == 3
    with pytest.raises(TopicError, match="no partition 4"):
        topic.append([(None, 1)], partition=4)


@pytest.mark.parametrize("torn", [b'{"offset":3,"key":null,"at"', b"\0" * 5000, b"x" * 200_000])
def test_a_torn_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    topic = Topic.create(tmp_path, "scans")
    topic.append([(None, n) for n in range(3)])
    (segment,) = (tmp_path / "scans" / "0").glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(torn)
    assert [record.value for record in topic.read(0, 0, 3)] == [0, 1, 2]
    assert topic.append([(None, 3)]) == [(0, 3)] and values(topic) == [0, 1, 2, 3]


def test_a_first_line_that_is_torn(tmp_path: Path) -> None:
    topic = Topic.create(tmp_path, "scans")
    (tmp_path / "scans" / "0" / f"{0:020d}.jsonl").write_bytes(b'{"off')
    assert topic.end_offsets() == {0: 0} and topic.append([(None, 1)]) == [(0, 0)]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = Topic.create(tmp_path, "scans")
    topic.append([(None, 0)])
    with monkeypatch.context() as broken:
        broken.setattr(module.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        broken.setattr(Topic, "_end", lambda *_: (1, topic._file(0, 0)))
        with pytest.raises(OSError, match="No space"):
            topic.append([(None, 1), (None, 2)])
    assert values(topic) == [0] and topic.append([(None, "x")]) == [(0, 1)]


def test_writers_that_are_killed_lose_nothing_they_were_told_is_there(tmp_path: Path) -> None:
    topic = Topic.create(tmp_path, "scans", segment_bytes=4096)
    program = (
        "import sys, pathlib; from include.data.topic import Topic\n"
        "t = Topic.create(pathlib.Path(sys.argv[1]), 'scans', segment_bytes=4096)\n"
        "n = 0\n"
        "while True:\n"
        "    t.append([(None, [int(sys.argv[2]), n, k]) for k in range(3)]); print(n, flush=True); n += 1\n"
    )
    told: set[tuple[int, int]] = set()
    for turn in range(2):
        writers = [
            subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(2 * turn + n)], stdout=subprocess.PIPE, text=True)
            for n in range(2)
        ]
        for place, writer in enumerate(writers):
            assert writer.stdout
            for _ in range(10 + turn):
                told.add((2 * turn + place, int(writer.stdout.readline())))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
    found = [record.value for record in topic.read(0, 0, topic.end_offsets()[0])]
    assert {(one, n, k) for one, n in told for k in range(3)} <= {tuple(value) for value in found}
    assert len(found) == len({tuple(value) for value in found})


def test_writers_at_once(tmp_path: Path) -> None:
    Topic.create(tmp_path, "scans")

    def write(number: int) -> None:
        for n in range(10):
            Topic.open(tmp_path, "scans").append([(None, [number, n, k]) for k in range(3)])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    found = values(Topic.open(tmp_path, "scans"))
    assert len(found) == 120
    assert all([one[2] for one in found[n : n + 3]] == [0, 1, 2] for n in range(0, 120, 3))
    assert all(found[n][:2] == found[n + 2][:2] for n in range(0, 120, 3))


def test_old_segments_are_dropped_whole(tmp_path: Path) -> None:
    topic = Topic.create(tmp_path, "scans", segment_bytes=1)
    [topic.append([(None, n)]) for n in range(5)]
    assert topic.drop_before(0, 3) == 3 and topic.beginning_offsets() == {0: 3} and topic.end_offsets() == {0: 5}
    assert topic.drop_before(0, 99) == 1 and topic.end_offsets() == {0: 5}
    with pytest.raises(TopicError, match="offsets 0 to 4 are not there"):
        list(topic.read(0, 0, 5))


def test_damage_is_told(tmp_path: Path) -> None:
    topic = Topic.create(tmp_path, "scans")
    topic.append([(None, n) for n in range(3)])
    (segment,) = (tmp_path / "scans" / "0").glob("*.jsonl")
    good = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(good[0] + good[2])
    with pytest.raises(TopicError, match="offset 2 stands where 1 should"):
        list(topic.read(0, 0, 3))
    segment.write_bytes(good[0] + b"junk\n" + good[2])
    with pytest.raises(TopicError, match="no record: b'junk"):
        list(topic.read(0, 0, 3))


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc", "a/b", "a\0b", "주제", "a" * 201, "a b", "a\n"])
def test_hostile_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(TopicError, match="cannot name a topic"):
        Topic.create(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = Topic.create(tmp_path, "scans")
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (b"bytes", float("nan"), {1, 2}, deep):
        with pytest.raises(TopicError, match="nothing that JSON can hold"):
            topic.append([(None, 1), (None, value)])
    monkeypatch.setattr(module, "MAX_RECORD", 1000)
    with pytest.raises(TopicError, match="Send at most 1000"):
        topic.append([(None, "x" * 1000)])
    assert topic.end_offsets() == {0: 0}
    with pytest.raises(TopicError, match="no such topic"):
        Topic.open(tmp_path, "other")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "topic.json").write_text(json.dumps([1]))
    with pytest.raises(TopicError, match="does not describe a topic"):
        Topic.open(tmp_path, "other")
