"""Personal data is found where none may be, and is never repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.data import quality
from tests.include.data.quality.conftest import as_json, by_name, project_of, rows_of

TABLE = {"kind": "table", "columns": {"memo": {"type": "text"}, "n": {"type": "integer", "max_missing": 1}}}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("메일은 hong@example.co.kr입니다", "email"),
        ("전화010-1234-5678입니다", "phone"),
        ("+82 10 9876 5432", "phone"),
        ("주민번호 900101-1234568", "rrn"),
        ("card 4111 1111 1111 1111", "card"),
        ("from 8.8.8.8", "ip"),
        ("０１０－１２３４－５６７８", "phone"),
    ],
)
def test_it_is_found_and_not_repeated(assess: Any, text: str, kind: str) -> None:
    rows = [{"memo": f"메모 {n}", "n": n} for n in range(20)]
    rows[4]["memo"] = text
    found = assess(project_of(TABLE), rows_of(as_json(*rows)))
    check = by_name(found)["personal_data"]
    assert check["ok"] and check["value"] == 0.05 and check["examples"] == [f"memo: 1 x {kind}", "5"]
    assert found.statistics["personal"] == {"memo": {kind: 1}}
    told = json.dumps([found.checks, found.statistics], ensure_ascii=False)
    document = {"number": 1, "count": 20, "source": "x", "author": "y"}
    html = quality.quality_report(project_of(TABLE), document, {"ok": True, "checks": found.checks}, found)
    assert text not in told and text not in html and "memo" in found.hidden
    gate = by_name(assess(project_of(TABLE, quality={"max_personal": 0.0}), rows_of(as_json(*rows))))["personal_data"]
    assert not gate["ok"] and gate["severity"] == "gate"


@pytest.mark.parametrize(
    "text", ["2026-01-05 10:20:30", "1234567", "order 20260105-0001", "3.14159265358979", "1.2.3", "a@b", "12:30"]
)
def test_what_is_none(assess: Any, text: str) -> None:
    found = assess(project_of(TABLE), rows_of(as_json(*({"memo": f"{text} {n}", "n": n} for n in range(5)))))
    assert by_name(found)["personal_data"]["value"] == 0 and found.hidden == frozenset()


def test_numbers_of_people_kept_as_numbers(assess: Any) -> None:
    rows = [{"memo": "x", "n": 1012345678 + n} for n in range(10)] + [{"memo": "x", "n": None}]
    found = assess(project_of(TABLE), rows_of(as_json(*rows)))
    assert found.statistics["personal"] == {"n": {"phone": 10}} and "n" in found.hidden


def test_texts_with_personal_data_are_no_samples(assess: Any) -> None:
    texts = [f"평범한 문장 {n}".encode() for n in range(6)] + ["전화 010-1234-5678".encode()]
    found = assess(project_of({"kind": "text"}), rows_of(texts))
    assert len(found.samples) == 6 and all(b"010" not in one.content for one in found.samples)


def test_keys_may_be_personal_too(assess: Any) -> None:
    found = assess(project_of({"kind": "text"}), rows_of([b"one", b"two"], keys=["hong@example.com", "2"]))
    check = by_name(found)["personal_data"]
    assert check["examples"] == ["key: 1 x email", "row 1"] and [one.key for one in found.samples] == ["2"]


def test_only_the_kinds_asked_for(assess: Any) -> None:
    project = project_of(TABLE, quality={"personal": ["card"]})
    found = assess(project, rows_of(as_json({"memo": "hong@example.com", "n": 1}, {"memo": "4111-1111-1111-1111", "n": 2})))
    assert found.statistics["personal"] == {"memo": {"card": 1}}


def test_many_candidates(assess: Any) -> None:
    rows = [{"memo": f"20260105{n:08d}", "n": n} for n in range(12_000)]
    rows[11_000]["memo"] = "010-1234-5678"
    found = assess(project_of(TABLE), rows_of(as_json(*rows)))
    assert found.statistics["personal"] == {"memo": {"phone": 1}}
