"""The prediction log: group commit, cursors, late true answers."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from include.inference import PredictionLog, PredictionLogError, cursor_key, end_cursor, joined, read, truths


def record(name: str, n: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": name, "at": "2026-01-01T00:00:00+00:00", "route": "production", "release_id": "digits-r0001", "n": n, **more}


@pytest.fixture
def log(tmp_path: Path):
    log = PredictionLog(tmp_path, "digits", segment_bytes=300)
    yield log
    log.close()


def ids(found: Any) -> list[str]:
    return [item["id"] for item, _ in found]


def test_what_was_written_is_read_in_order_and_from_any_cursor(log: PredictionLog, tmp_path: Path) -> None:
    assert list(read(tmp_path, "digits")) == [] and end_cursor(tmp_path, "digits") == "1:0"
    log.write([record("가나다")])
    log.write([record(f"r{n}") for n in range(5)])
    names = ["가나다", "r0", "r1", "r2", "r3", "r4"]
    found = list(read(tmp_path, "digits"))
    assert ids(found) == names
    assert [cursor_key(cursor) for _, cursor in found] == sorted(cursor_key(cursor) for _, cursor in found)
    assert ids(read(tmp_path, "digits", found[2][1])) == names[3:]
    assert ids(read(tmp_path, "digits", found[0][1], limit=2)) == names[1:3]
    assert end_cursor(tmp_path, "digits") == found[-1][1]
    assert list(read(tmp_path, "digits", end_cursor(tmp_path, "digits"))) == []
    assert list(read(tmp_path, "digits", limit=0)) == []


@pytest.mark.parametrize("cursor", ["", "1", "a:b", "1:-2", "1:2:3"])
def test_bad_cursor(cursor: str, tmp_path: Path) -> None:
    with pytest.raises(PredictionLogError, match="is no cursor"):
        list(read(tmp_path, "digits", cursor))


def test_a_damaged_line_is_left_out_and_told(log: PredictionLog, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log.write([record("a")])
    with (tmp_path / "digits" / "predictions-000001.jsonl").open("ab") as file:
        file.write(b"\0\0\0\n")
    log.write([record("b")])
    assert ids(read(tmp_path, "digits")) == ["a", "b"]
    assert "damaged line" in caplog.text


async def test_those_who_wait_share_one_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (flushes.append(1), real(descriptor)))
    log = PredictionLog(tmp_path, "digits")
    await asyncio.gather(*(log.append(record(f"r{n}")) for n in range(500)))
    assert sorted(ids(read(tmp_path, "digits"))) == sorted(f"r{n}" for n in range(500))
    assert 1 <= len(flushes) < 100
    log.close()


async def test_each_waiting_caller_gets_the_error(tmp_path: Path) -> None:
    (tmp_path / "digits").write_text("a file where the folder should be")
    log = PredictionLog(tmp_path, "digits")
    errors = await asyncio.gather(*(log.append(record(f"r{n}")) for n in range(3)), return_exceptions=True)
    assert all(isinstance(error, PredictionLogError) for error in errors)
    (tmp_path / "digits").unlink()
    await log.append(record("later"))
    assert ids(read(tmp_path, "digits")) == ["later"]
    log.close()


async def test_a_caller_that_went_away_does_not_stop_the_log(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, "digits")
    task = asyncio.create_task(log.append(record("gone")))
    await asyncio.sleep(0)
    task.cancel()
    await log.append(record("stays"))
    assert ids(read(tmp_path, "digits")) == ["gone", "stays"]
    log.close()


def test_closed_log(log: PredictionLog, tmp_path: Path) -> None:
    log.write([record("a")])
    log.close()
    log.close()
    with pytest.raises(PredictionLogError, match="closed"):
        log.write([record("b")])
    assert ids(read(tmp_path, "digits")) == ["a"]


async def test_truths_last_wins_and_join(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, "digits")
    for name, n in [("a", 1), ("b", 2), ("c", 1), ("d", 1)]:
        await log.append(record(name, n))
    await log.append(record("a", 1, again=True))
    middle = end_cursor(tmp_path, "digits")
    await log.append(record("e"))
    await log.append_truths([])
    await log.append_truths([{"id": "a", "labels": ["1"]}, {"id": "b", "labels": ["1", "2"]}])
    await log.append_truths([{"id": "a", "labels": ["3"]}, {"id": "c", "labels": ["1", "2"]}])
    assert truths(tmp_path, "digits") == {"a": ["3"], "b": ["1", "2"], "c": ["1", "2"]}
    found = [(item["id"], item.get("again"), labels) for item, labels in joined(tmp_path, "digits", None, middle)]
    assert found == [("b", None, ["1", "2"]), ("c", None, None), ("d", None, None), ("a", True, ["3"])]
    assert [item["id"] for item, _ in joined(tmp_path, "digits", middle)] == ["e"]
    assert list(joined(tmp_path, "digits", end_cursor(tmp_path, "digits"))) == []
    assert truths(tmp_path, "other") == {}
    log.close()


def test_a_restart_begins_a_new_segment_and_old_cursors_stay_right(tmp_path: Path) -> None:
    cursors = []
    for n in range(3):
        log = PredictionLog(tmp_path, "digits")
        log.write([record(f"r{n}")])
        log.close()
        cursors.append(end_cursor(tmp_path, "digits"))
    assert [cursor_key(cursor)[0] for cursor in cursors] == [1, 2, 3]
    assert [ids(read(tmp_path, "digits", cursor)) for cursor in cursors] == [["r1", "r2"], ["r2"], []]
