"""Rounds from a table by time: rows of equal time that come late, and what drifts."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from include import data
from include.data import rounds

pytestmark = pytest.mark.integration


def run(world: Any, sql: str, *values: Any) -> None:
    with sqlite3.connect(world.source) as connection:
        connection.execute(sql, *values)


@pytest.fixture
def timed(using: Any) -> Any:
    run(using.world, "ALTER TABLE scans ADD COLUMN changed TEXT")
    run(using.world, "UPDATE scans SET changed = printf('2026-01-05T09:%02d:00', id / 20)")
    return using.change(time="changed", fetch_rows=7)


def test_rows_of_equal_time_are_neither_lost_nor_taken_twice(timed: Any, using: Any) -> None:
    first = using.merged("r1")
    assert first["count"] == 200 and using.all_keys() == [str(n) for n in range(1, 201)]
    assert using.described(first)["high_water_marks"]["sql:scans"] == {
        "type": "str",
        "value": "2026-01-05T09:10:00",
        "keys": ["200"],
    }
    assert timed.collect("r2")["count"] == 0
    using.limits(min_rows=1, min_rows_per_class=0)
    pixels = bytes(range(1, 17)) * 4
    run(timed, "INSERT INTO scans VALUES (-5, ?, 1, NULL, '2026-01-05T09:10:00')", (pixels,))  # late, and a smaller key
    assert using.keys(using.merged("r3")) == ["-5"]
    assert timed.collect("r4")["count"] == 0
    run(timed, "UPDATE scans SET changed = '2026-01-06T00:00:00', digit = 9 WHERE id = 3")
    assert using.keys(using.merged("r5")) == ["3"]
    assert timed.collect("r6")["count"] == 0


def test_many_pages_of_one_time(timed: Any, using: Any) -> None:
    run(timed, "UPDATE scans SET changed = '2026-01-05'")
    ref = timed.collect()
    assert using.keys(ref) == [str(n) for n in range(1, 201)]
    assert len(using.described(ref)["high_water_marks"]["sql:scans"]["keys"]) == 200


def test_rows_without_time_are_told(timed: Any) -> None:
    run(timed, "UPDATE scans SET changed = NULL WHERE id < 4")
    with pytest.raises(data.DataCheckError, match=r"bad_rows is 0\.015, .*3 records such as key 1: the column changed is null"):
        timed.check(timed.collect())


def test_rows_without_time_that_are_allowed_are_no_news_by_themselves(timed: Any, using: Any) -> None:
    run(timed, "UPDATE scans SET changed = NULL WHERE id < 4")
    using.limits(max_bad_rows=0.1)
    assert using.merged("r1")["count"] == 197 and timed.collect("r2")["count"] == 0
    run(timed, "UPDATE scans SET changed = NULL")
    assert timed.collect("r3")["count"] == 0


def test_times_that_went_back(timed: Any, using: Any) -> None:
    using.merged("r1")
    run(timed, "DELETE FROM scans WHERE id > 100")
    with pytest.raises(data.SourceError, match="lies below"):
        timed.collect("r2")


def test_from_key_to_time_and_back(using: Any) -> None:
    using.merged("r1")
    world = using.change(time="scanned_at")
    with pytest.raises(data.SourceError, match="collected by its key before"):
        world.collect("r2")


def test_drift_of_a_table(using: Any, rows: Any) -> None:
    world = using.world
    using.merged("r1")
    run(world, "ALTER TABLE scans ADD COLUMN 새것 REAL")
    run(world, "INSERT INTO scans SELECT id + 200, pixels, digit, scanned_at, 0.5 FROM scans")
    using.limits(max_duplicates=1.0)
    report = world.check(world.collect("r2"))
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["source_columns"] == {
        "name": "source_columns",
        "ok": True,
        "value": 0,
        "limit": "0 needed fields missing",
        "warnings": ["new: 새것"],
    }
    run(world, "ALTER TABLE scans RENAME COLUMN digit TO answer")
    using.limits(max_missing_labels=1.0, min_rows_per_class=0)
    with pytest.raises(data.DataCheckError, match=r"source_columns is 1, .*digit \(source table scans\)"):
        world.check(world.collect("r3"))
    run(world, "ALTER TABLE scans DROP COLUMN pixels")
    with pytest.raises(data.SourceError, match="no column pixels, digit"):
        world.collect("r4")
    assert rounds.numbers(world.dev) == [1]
