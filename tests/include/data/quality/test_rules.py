"""Rules: judged by pandas over any fields, honest about what is missing, and unable to do anything else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from include.data.errors import ReferenceFault
from tests.include.data.quality.conftest import as_json, by_name, project_of, rows_of

COLUMNS = {
    "start": {"type": "time", "max_missing": 1},
    "end": {"type": "time", "max_missing": 1},
    "단가": {"type": "number", "max_missing": 1},
    "unit count": {"type": "integer", "max_missing": 1},
    "state": {"type": "category", "max_missing": 1},
    "paid": {"type": "boolean", "max_missing": 1},
}


def row(**changed: Any) -> dict[str, Any]:
    times = {"start": "2026-01-05T00:00:00+00:00", "end": "2026-01-06T00:00:00+00:00"}
    return {**times, "단가": 2.5, "unit count": 3, "state": "팔림", "paid": True, **changed}


def judged(assess: Any, rows: list[dict[str, Any]], **rule: Any) -> dict[str, Any]:
    project = project_of({"kind": "table", "columns": COLUMNS}, quality={"rules": [{"name": "one", **rule}]})
    return by_name(assess(project, rows_of(as_json(*rows))))["rule one"]


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        ("end >= start", {"end": "2026-01-04T00:00:00+00:00"}),
        ("단가 * `unit count` <= 10", {"단가": 1e6}),
        ("state in ['팔림', 'open']", {"state": "닫힘"}),
        ("not (state == '팔림' and paid == False)", {"paid": False}),
        ("0 < 단가 < 10", {"단가": -1.0}),
        ("start >= '2026-01-01' and end < '2027-01-01'", {"start": "2025-12-31T23:59:59+00:00"}),
        ("paid", {"paid": False}),
        ("label == 'a' or `unit count` % 2 == 1", {"unit count": 4}),
        ("key != '2'", {}),
    ],
)
def test_a_broken_rule_stops(assess: Any, check: str, bad: dict[str, Any]) -> None:
    found = judged(assess, [row(), row(**bad), row()], check=check)
    assert not found["ok"] and found["value"] == round(1 / 3, 6) and found["examples"] == ["2"] and found["severity"] == "gate"
    assert check in found["advice"]


def test_what_is_missing(assess: Any) -> None:
    rows = [row(), row(단가=None), row(단가=-1.0), row(단가=None, paid=False)]
    assert judged(assess, rows, check="단가 > 0")["value"] == 0.5
    assert judged(assess, rows, check="단가 > 0", missing="broken")["value"] == 0.75
    when = judged(assess, rows, check="단가 > 0", missing="broken", when="paid")
    assert when["value"] == round(2 / 3, 6) and when["examples"] == ["2", "3"]
    assert judged(assess, [row(단가=None)], check="단가 > 0")["ok"]


def test_limits_and_warnings(assess: Any) -> None:
    rows = [row(), row(단가=-1.0)]
    assert judged(assess, rows, check="단가 > 0", max_broken=0.5)["ok"]
    warned = judged(assess, rows, check="단가 > 0", severity="warning")
    assert warned["ok"] and warned["severity"] == "warning" and "0.5, expected <= 0" in warned["warnings"][0]


def test_measures_of_other_contents(assess: Any) -> None:
    project = project_of({"kind": "text"}, quality={"rules": [{"name": "short", "check": "words <= 2 and characters > 1"}]})
    found = by_name(assess(project, rows_of([b"one two", b"one two three", "가".encode()])))["rule short"]
    assert found["examples"] == ["2", "3"]


def test_rules_that_fit_nothing(assess: Any) -> None:
    with pytest.raises(ValidationError, match=r"data.quality.rules: one names price, which is no column"):
        judged(assess, [row()], check="price > 0")
    project = project_of({"kind": "text"}, quality={"rules": [{"name": "one", "check": "price > 0"}]})
    with pytest.raises(ReferenceFault, match=r"there is no field 'price'. Fields are text, characters, words, label, key"):
        assess(project, rows_of([b"a"]))
    with pytest.raises(ReferenceFault, match=r"rule one of data.quality: it cannot be judged.*state is category"):
        judged(assess, [row()], check="state > 3")
