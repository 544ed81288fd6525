"""What the report of a masked sample finds, and what it refuses."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from include.data.privacy import values
from include.data.privacy.mask import Masker
from include.data.privacy.risk import Risk
from tests.include.data.privacy.conftest import COLUMNS

KEY = values.derive(b"a salt that nobody else has", "p")


def risk(project: Any, items: Any) -> Risk:
    found = Risk(project, project.data.masking)
    for item in items:
        found.add(Masker(project, project.data.masking, KEY, "x-ops").mask(item))
    return found


def test_a_good_sample(table_project: Any, rows: Any) -> None:
    project = table_project()
    found = risk(project, rows(project, 100))
    assert list(found.problems()) == [] and found.too_few() == set()
    document = found.document()
    assert document["anonymity"]["k"] >= 5 and document["rows"] == 100 and document["suppressed"] == 0
    assert document["columns"]["amount"] == {"rule": "keep", "personal": False, "missing": 0.0, "unchanged": 1.0}
    assert document["columns"]["name"]["unchanged"] == 0 and document["columns"]["email"]["missing"] == 1
    assert "010-1234" not in json.dumps(document, ensure_ascii=False) and "김민준" not in json.dumps(document, ensure_ascii=False)


def test_rare_people_are_left_out_or_the_sample_is_refused(table_project: Any, rows: Any) -> None:
    old = [replace(rows(table_project(), 1, age=99)[0], key="old")]
    project = table_project(max_suppressed=0.05)
    found = risk(project, rows(project, 100) + old)
    assert list(found.problems()) == [] and len(found.too_few()) == 1 and found.document()["suppressed"] == 1
    strict = table_project(max_suppressed=0.0)
    problems = list(risk(strict, rows(strict, 100) + old).problems())
    assert len(problems) == 1 and "1 of 101 rows share age, city, visited with fewer than 4 others" in problems[0]
    few = table_project(max_suppressed=1.0)
    assert list(risk(few, rows(few, 4)).problems())  # all of it would be left out


def test_l_diversity(table_project: Any, rows: Any) -> None:
    same = table_project(sensitive=["amount"], l=3)
    assert list(risk(same, rows(same, 100)).problems()) == []
    alike = rows(same, 100, amount=1.0)
    assert "too alike" in next(risk(same, alike).problems())


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"memo": "010-1234-5678"}, r"memo: 100 of 100 masked items still hold personal data \(phone\)"),
        ({"memo": "900101-1234567"}, r"memo: .*\(rrn\)"),
        ({"memo": "메일 a@corp.example.com"}, r"memo: .*\(email\)"),
    ],
)
def test_kept_text_with_personal_data(table_project: Any, rows: Any, changed: dict[str, Any], wanted: str) -> None:
    project = table_project(rules={"memo": {"rule": "keep"}})
    problems = list(risk(project, rows(project, 100, **changed)).problems())
    assert any(re.search(wanted, one) for one in problems), problems
    assert not any(str(value) in " ".join(problems) for value in changed.values())


def test_the_name_in_a_kept_text(table_project: Any, rows: Any) -> None:
    project = table_project(rules={"memo": {"rule": "keep"}})
    items = rows(project, 100, memo="김민준 님은 단골", name="김민준")
    assert list(risk(project, items).problems()) == [
        "memo: 100 of 100 masked items still hold personal data (the value of a column about a person)"
    ]


def test_kept_numbers_that_look_like_people(table_project: Any, rows: Any) -> None:
    project = table_project(columns={**COLUMNS, "customer": {"type": "integer"}}, rules={"customer": {"rule": "keep"}})
    items = [one for number in range(50) for one in rows(project, 1, customer=9001011000000 + number)]
    assert any("look like personal data (rrn)" in one for one in risk(project, items).problems())


def test_texts(text_project: Any) -> None:
    from include.data.items import Item

    kept = text_project(content={"rule": "keep"})
    problems = list(risk(kept, [Item("1", "전화 010-1234-5678".encode(), "PER", None, "s")]).problems())
    assert problems == ["content: 1 of 1 masked items still hold personal data (phone)"]
    redacted = text_project(content={"rule": "redact", "replace": "fake"})
    assert list(risk(redacted, [Item("1", "전화 010-1234-5678".encode(), "PER", None, "s")]).problems()) == []


def test_two_items_of_one_hash_are_refused(text_project: Any) -> None:
    from include.data.items import Item

    project = text_project()
    twice = [Item("1", b"a", "PER", None, "s"), Item("1", b"b", "PER", None, "s")]
    assert "key: 1 items have the hash of another one" in list(risk(project, twice).problems())
