"""Rounds from a table by time: rows of equal time that come late, and what drifts."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from include import data
from include.data import items, rounds

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


def test_a_database_that_goes_down_in_the_middle(using: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world = using.change(fetch_rows=50)
    from include.data.sources.sql import SqlReader

    real, made = SqlReader._item, []

    def damaging(self: SqlReader, row: Any) -> Any:
        made.append(row["c0"])
        if len(made) == 60:
            world.source.write_bytes(b"no database" * 1000)
        return real(self, row)

    whole = world.source.read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(SqlReader, "_item", damaging)
        with pytest.raises(data.SourceUnavailable, match="sqlite says: "):
            world.collect()
    assert 60 <= len(made) < 200 and rounds.numbers(world.dev) == []
    world.source.write_bytes(whole)
    assert world.collect()["count"] == 200


def test_odd_keys_labels_and_groups(using: Any) -> None:
    world = using.world
    run(world, "CREATE TABLE odd (id TEXT, pixels BLOB, digit, who TEXT)")
    pixels = bytes(64)
    keys = ["../../etc/passwd", "/etc/passwd", "a\x00b", "n" * 300, "한" * 300, "🙂", "'; DROP TABLE scans;--", ""]
    for place, key in enumerate(keys):
        run(world, "INSERT INTO odd VALUES (?, ?, ?, ?)", (key, pixels, place, "사람"))
    run(world, "INSERT INTO odd VALUES (?, ?, 1, 'x')", ("k" * 1001, pixels))
    run(world, "INSERT INTO odd VALUES ('binary', ?, ?, 'x')", (pixels, b"\x00\xff"))
    run(world, "INSERT INTO odd VALUES ('huge', ?, ?, 'x')", (pixels, "가" * 3_400_000))
    run(world, "INSERT INTO odd VALUES ('group', ?, 1, ?)", (pixels, "g" * 10_000_000))
    using.change(table="odd", taken_at=None, group="who")
    using.limits(max_bad_rows=1.0, max_duplicates=1.0, min_rows=1, min_rows_per_class=0)
    ref = using.merged("r1")
    assert sorted(using.keys(ref)) == sorted(keys)
    found = using.described(ref)["findings"]
    assert found["bad"] == 4 and max(map(len, found["examples"])) < 500


def test_a_column_of_numbers_is_no_content(using: Any) -> None:
    run(using.world, "CREATE TABLE wrong (id INTEGER PRIMARY KEY, pixels REAL, digit TEXT)")
    for place, value in enumerate((float("inf"), 1.5, None)):
        run(using.world, "INSERT INTO wrong VALUES (?, ?, '1')", (place, value))
    world = using.change(table="wrong", taken_at=None)
    with pytest.raises(data.DataCheckError, match="content_size is 3"):
        world.check(world.collect())


def test_labels_of_boxes_come_as_json(world: Any, using: Any) -> None:
    from include.projects.content import ImageContent
    from tests.fixtures.media import image

    boxes = '[ {"class": "고양이", "box": [1, 2, 3, 4.5]} ]'
    run(world, "CREATE TABLE boxes (id INTEGER PRIMARY KEY, picture BLOB, boxes TEXT)")
    run(world, "INSERT INTO boxes VALUES (1, ?, ?)", (image(), boxes))
    run(world, "INSERT INTO boxes VALUES (2, ?, ?)", (image(size=(30, 30)), "no JSON"))
    own = world.project.data.model_copy(update={"content": ImageContent(kind="image")})
    world.project = world.project.model_copy(update={"data": own, "task": "detection", "classes": ["고양이"]})
    using.change(table="boxes", content="picture", label="boxes", taken_at=None)
    ref = world.collect()
    labels = items.read(world.dev, ref["branch"], rounds.items_path(1), ["label"])["label"].to_pylist()
    assert labels == ['[{"box":[1,2,3,4.5],"class":"고양이"}]', "no JSON"] and ref["labels"] == {"고양이": 1}
