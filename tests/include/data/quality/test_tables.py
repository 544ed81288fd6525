"""Tables: each kind of fault is found in its column, told with keys, and a limit makes it a gate."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from include.clients.lakefs import DataError
from include.data import quality
from include.data.errors import ReferenceFault
from tests.include.data.quality.conftest import as_json, by_name, project_of, rows_of

COLUMNS = {
    "나이": {"type": "number", "range": [0, 120]},
    "count": {"type": "integer"},
    "색": {"type": "category", "choices": ["빨강", "blue"], "max_missing": 0.1},
    "note": {"type": "text", "max_missing": 1.0},
    "code": {"type": "text", "unique": True},
    "start": {"type": "time"},
    "end": {"type": "time", "max_missing": 0.5},
    "paid": {"type": "boolean"},
}


def row(place: int, **changed: Any) -> dict[str, Any]:
    return {
        "나이": 20.0 + place,
        "count": place,
        "색": ["빨강", "blue"][place % 2],
        "note": f"메모 {place} 🙂",
        "code": f"c{place}",
        "start": f"2026-01-{place % 27 + 1:02d}T00:00:00.000000+00:00",
        "end": f"2026-02-{place % 27 + 1:02d}T00:00:00.500000+00:00",
        "paid": place % 2 == 0,
        **changed,
    }


def table(limits: dict[str, Any] | None = None, **changed: Any) -> Any:
    columns = {**COLUMNS, **changed}
    return project_of({"kind": "table", "columns": columns}, quality=limits or {})


def test_a_good_table_passes_everything(assess: Any) -> None:
    found = assess(table(), rows_of(as_json(*(row(n) for n in range(40)))))
    assert all(check["ok"] and not check.get("warnings") for check in found.checks), found.checks
    assert len(found.checks) > 12 and len(found.samples) == 24
    about = found.statistics["columns"]
    assert about["나이"]["least"] == 20 and about["나이"]["most"] == 59 and sum(about["나이"]["histogram"]["counts"]) == 38
    assert about["색"]["top"] == [["blue", 20], ["빨강", 20]] and about["note"]["lengths"]["least"] == 6
    assert about["start"]["least"].startswith("2026-01-01")
    assert set(found.objects) == {"quality.json", "marks.parquet"}


@pytest.mark.parametrize(
    ("changed", "name", "example"),
    [
        ({"나이": 121.0}, "value_ranges", "나이: 8"),
        ({"나이": "많음"}, "types", "8: 나이 is no number"),
        ({"나이": float("nan")}, "types", "8: 나이 is not finite"),
        ({"나이": float("-inf")}, "types", "8: 나이 is not finite"),
        ({"나이": "1e999"}, "unreadable", "8: no row of a table"),
        ({"count": 1.5}, "types", "8: count is no integer"),
        ({"count": 2**63}, "types", "8: count is no integer"),
        ({"paid": "yes"}, "types", "8: paid is no boolean"),
        ({"start": "어제"}, "types", "8: start is no time"),
        ({"note": ["a"]}, "types", "8: note is no text"),
        ({"extra": 1}, "types", "8: extra is no column"),
        ({"색": "초록"}, "value_choices", "색: 8"),
        ({"나이": None}, "missing_values", "나이: 8"),
        ({"code": "c3"}, "unique_values", "code: 8"),
    ],
)
def test_each_fault_is_found(assess: Any, changed: dict[str, Any], name: str, example: str) -> None:
    rows = [row(n) for n in range(40)]
    rows[7] = row(7, **changed)
    contents = as_json(*rows)
    contents[7] = contents[7].replace(b'"1e999"', b"1e999")
    checks = by_name(assess(table(), rows_of(contents)))
    assert not checks[name]["ok"] and checks[name]["value"] in (1, 1 / 40)
    assert checks[name]["examples"][0].startswith(example)
    others = {other for other, check in checks.items() if not check["ok"]} - {name}
    assert others <= {"missing_values"}, others  # a value of a wrong type counts as missing


def test_missing_values_are_counted_by_column(assess: Any) -> None:
    rows = [row(n, end=None if n % 2 else row(n)["end"], 색=None if n < 4 else "blue") for n in range(40)]
    found = assess(table(), rows_of(as_json(*rows)))
    assert by_name(found)["missing_values"]["ok"]
    assert found.statistics["columns"]["end"]["missing"] == 20
    rows[9] = row(9, 색=None)
    check = by_name(assess(table(), rows_of(as_json(*rows))))["missing_values"]
    assert not check["ok"] and check["value"] == 5 and "색 5" in check["advice"] and check["examples"][0] == "색: 1"


def test_a_column_without_any_value(assess: Any) -> None:
    found = assess(table(), rows_of(as_json(*(row(n, 나이=None, note=None) for n in range(30)))))
    assert by_name(found)["missing_values"]["value"] == 30  # note may lack all
    assert found.statistics["columns"]["나이"] == {"type": "number", "missing": 30}


def test_contents_that_are_no_rows(assess: Any) -> None:
    contents = as_json(*(row(n) for n in range(6)))
    contents[1:5] = [b"", b"not json", b"[1]", b'{"\xff": 1}']
    check = by_name(assess(table(), rows_of(contents)))["unreadable"]
    assert not check["ok"] and check["value"] == round(4 / 6, 6) and check["examples"][0].startswith("2: no row of a table")


def test_two_rows_in_one_content(assess: Any) -> None:
    contents = as_json(*(row(n) for n in range(6)))
    contents[2] = contents[2] + b"\n" + contents[3]
    check = by_name(assess(table(), rows_of(contents)))["unreadable"]
    assert check["value"] == round(1 / 6, 6) and check["examples"][0].startswith("3: no row of a table")


def test_long_texts_and_limits_of_texts(assess: Any) -> None:
    limits = {"texts": {"note": {"max_chars": 1000, "min_chars": 2}, "code": {"pattern": "c[0-9]+"}}}
    rows = [row(n) for n in range(30)]
    rows[3], rows[4], rows[5] = row(3, note="가" * 10_000_000), row(4, note="x"), row(5, code="c5\n")
    checks = by_name(assess(table(limits), rows_of(as_json(*rows))))
    assert checks["text_lengths"]["value"] == 2 and checks["text_lengths"]["examples"] == ["note: 4", "note: 5"]
    assert checks["text_patterns"]["examples"] == ["code: 6"]


def test_a_pattern_that_re2_does_not_know(assess: Any) -> None:
    with pytest.raises(ReferenceFault, match=r"data.quality.texts of column code"):
        assess(table({"texts": {"code": {"pattern": "(?=c)c[0-9]+"}}}), rows_of(as_json(row(1), row(2))))


def test_rows_that_are_nearly_equal(assess: Any) -> None:
    columns = {"a": {"type": "number"}, "b": {"type": "text"}, "id": {"type": "integer", "unique": True}}
    rows = [{"a": 1.0 + n, "b": f"글 {n}", "id": n} for n in range(50)]
    rows += [{"a": 1.0001 + n, "b": f" 글  {n}", "id": 50 + n} for n in range(10)]
    project = project_of({"kind": "table", "columns": columns}, quality={"max_near_duplicates": 0.1})
    check = by_name(assess(project, rows_of(as_json(*rows))))["near_duplicates"]
    assert not check["ok"] and check["value"] == round(10 / 60, 6) and check["examples"][0] == "1 ~ 51"


def test_outliers_by_each_method(assess: Any) -> None:
    import numpy as np

    random = np.random.default_rng(1)
    columns = {name: {"type": "number"} for name in "abcde"}
    rows = [dict(zip("abcde", values, strict=True)) for values in random.normal(size=(300, 5)).tolist()]
    rows[10] = dict.fromkeys("abcde", 40.0)
    for method in ("robust_z", "iqr", "isolation_forest"):
        project = project_of({"kind": "table", "columns": columns}, quality={"max_outliers": 0.0, "outliers": {"method": method}})
        check = by_name(assess(project, rows_of(as_json(*rows))))["outliers"]
        assert not check["ok"] and check["value"] == round(1 / 300, 6) and check["examples"] == ["11"], (method, check)
    with pytest.raises(ValidationError, match="가 is no column of numbers"):
        project_of({"kind": "table", "columns": columns}, quality={"outliers": {"columns": ["가"]}})
    with pytest.raises(ReferenceFault, match=r"가 is no column of numbers that may be shown. Columns are characters, words"):
        assess(project_of({"kind": "text"}, quality={"outliers": {"columns": ["가"]}}), rows_of([b"a"]))


def test_limits_of_columns_that_are_not_there() -> None:
    with pytest.raises(ValidationError, match=r"texts.count: there is no text column of that name"):
        table({"texts": {"count": {"max_chars": 3}}})
    with pytest.raises(ValidationError, match=r"texts.a: items are no rows of a table"):
        project_of({"kind": "text"}, quality={"texts": {"a": {"max_chars": 3}}})


def test_a_full_disk(assess: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("include.data.quality.columns.Columns.add", full)
    with pytest.raises(DataError, match=r"No space left on device. Free some space, try again"):
        assess(table(), rows_of(as_json(row(1))))


def test_an_empty_round(assess: Any) -> None:
    found = assess(table(), [])
    assert all(check["ok"] for check in found.checks) and found.samples == []


def test_only_gates_stop(assess: Any) -> None:
    rows = as_json(*(row(n) for n in range(30)))
    assert by_name(assess(table(), rows_of(rows, ["a"] * 30)))["class_ratio"]["ok"]
    gated = by_name(assess(table({"max_class_ratio": 3}), rows_of(rows, ["a"] * 30)))["class_ratio"]
    assert not gated["ok"] and gated["value"] == "no b"
    operating = assess(table({"max_class_ratio": 3}), rows_of(rows, ["a"] * 30), kind="operating")
    assert by_name(operating)["class_ratio"]["ok"] and by_name(operating)["class_ratio"]["warnings"]


def test_personal_columns_are_never_shown(assess: Any) -> None:
    columns = {"이름": {"type": "text", "personal": True}, "memo": {"type": "text"}, "n": {"type": "integer", "personal": True}}
    rows = as_json(*({"이름": f"비밀{n}", "memo": f"010-1234-{5000 + n}", "n": 777000 + n} for n in range(30)))
    project = project_of({"kind": "table", "columns": columns})
    found = assess(project, rows_of(rows))
    about = found.statistics["columns"]
    assert (
        about["이름"] == {"type": "text", "missing": 0, "personal": True} and about["n"]["personal"] and about["memo"]["personal"]
    )
    html = quality.quality_report(
        project, {"number": 1, "count": 30, "source": "x", "author": "y"}, {"ok": True, "checks": found.checks}, found
    )
    assert "비밀" not in html and "1234-5" not in html and "777000" not in html and "personal, not shown" in html
    assert b"1234-5" not in found.objects["quality.json"]
