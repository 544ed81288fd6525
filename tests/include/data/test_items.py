"""Items and their table, without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.data import arrays, items
from include.data.errors import IntegrityError
from include.projects.content import ArrayContent as Content

FORM = Content(dtype="uint8", shape=[2, 2], range=(0, 16))
TIME = datetime(2026, 1, 1, tzinfo=UTC)


def rows(n: int) -> list[items.Item]:
    return [items.Item(str(k), bytes([k % 256, k // 256, 1, 2]), "고양이" if k % 2 else None, TIME, "sql:사진") for k in range(n)]


def test_the_id_is_pinned_and_depends_on_the_form() -> None:
    assert items.item_id(b"\0\1\2\3", FORM) == "6b254856f809a1d3297914bc0a3658fc703954bbe4f1633d6e072dc7fc2db1b0"
    assert items.item_id(b"\0\1\2\3", FORM) != items.item_id(b"\0\1\2\3", Content(dtype="uint8", shape=[4], range=(0, 16)))
    assert items.item_ids([b"\0\1\2\3"], FORM) == [items.item_id(b"\0\1\2\3", FORM)]


def test_write_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "BATCH", 100)
    totals = items.write(tmp_path / "t.parquet", iter(rows(250)), FORM)
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.column_names == list(items.COLUMNS)
    assert (totals.count, totals.bytes, dict(totals.labels)) == (250, 1000, {"고양이": 125})
    assert table["taken_at"][0].as_py() == TIME and table["source"][0].as_py() == "sql:사진"
    names = ("key", "item_id", "label")
    again = zip(*(table[name].to_pylist() for name in names), [None] * 250, strict=True)
    assert items.running_digest(again) == totals.digest
    values = arrays.to_array(table["content"], FORM)
    assert values.shape == (250, 2, 2) and values.dtype == np.uint8 and values.flags.writeable
    assert [v.tobytes() for v in values] == [row.content for row in rows(250)]


def test_the_digest_does_not_depend_on_batches_and_sees_order_and_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = items.write(tmp_path / "a", rows(30), FORM).digest
    monkeypatch.setattr(items, "BATCH", 7)
    assert items.write(tmp_path / "b", rows(30), FORM).digest == whole
    assert items.write(tmp_path / "c", rows(30)[::-1], FORM).digest != whole
    changed = [*rows(30)[:-1], items.Item("29", rows(30)[29].content, "개", TIME, "sql:사진")]
    assert items.write(tmp_path / "d", changed, FORM).digest != whole


def test_groups_are_a_column_only_where_the_source_names_one(tmp_path: Path) -> None:
    grouped = [replace(row, group=f"사람{place % 3}" if place else None) for place, row in enumerate(rows(30))]
    totals = items.write(tmp_path / "g", grouped, FORM, grouped=True)
    table = pq.read_table(tmp_path / "g")
    assert table.column_names == [*items.COLUMNS, "group"] and table["group"].to_pylist()[:3] == [None, "사람1", "사람2"]
    columns = (table[name].to_pylist() for name in ("key", "item_id", "label", "group"))
    assert items.running_digest(zip(*columns, strict=True)) == totals.digest
    assert items.write(tmp_path / "h", [replace(row, group=None) for row in grouped], FORM, grouped=True).digest != totals.digest
    assert items.write(tmp_path / "i", grouped, FORM).digest == items.write(tmp_path / "j", rows(30), FORM).digest


def test_slices_keep_their_values() -> None:
    column = pa.chunked_array([pa.array([bytes([n] * 4) for n in range(10)], pa.large_binary()).slice(3, 4)])
    assert arrays.to_array(column, FORM)[:, 0, 0].tolist() == [3, 4, 5, 6]
    small = pa.chunked_array([pa.array([bytes([n] * 4) for n in range(4)], pa.binary()).slice(1)])
    assert arrays.to_array(small, FORM)[:, 1, 1].tolist() == [1, 2, 3]
    assert arrays.to_array(column.slice(0, 0), FORM).shape == (0, 2, 2)


@pytest.mark.parametrize("bad", [b"", b"12345", None])
def test_a_content_of_another_size_is_refused(bad: bytes | None) -> None:
    with pytest.raises(IntegrityError, match="does not have 4 bytes"):
        arrays.to_array(pa.chunked_array([pa.array([b"1234", bad], pa.large_binary())]), FORM)


def test_canonical_json() -> None:
    assert items.dump({"b": 1, "a": "한"}) == '{"a":"한","b":1}'.encode()
    with pytest.raises(ValueError):
        items.dump({"a": float("nan")})
