"""Windows of the series: what was measured, in its order, and no value in two of them."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

from include.projects.co2_levels.source import HORIZON, STRIDE, TOTAL, WEEKS, fill, window_rows


def test_fill_adds_each_window_once(tmp_path: Path) -> None:
    assert fill(tmp_path / "a", 40) == 40 and fill(tmp_path / "a", 40) == 0
    assert fill(tmp_path / "a", slice(30, 60)) == 20 and fill(tmp_path / "a") == TOTAL - 60
    fill(tmp_path / "b", seed=9)
    read = {path.name: path.read_text() for path in (tmp_path / "a").iterdir()}
    assert read == {path.name: path.read_text() for path in (tmp_path / "b").iterdir()}
    rows = [json.loads(line) for name in sorted(read) for line in read[name].splitlines()]
    assert rows == window_rows() and sorted(read)[0] == "1958.jsonl" and len(rows) == TOTAL


def test_the_values_are_those_published() -> None:
    from statsmodels.datasets import co2

    series = co2.load_pandas().data["co2"]
    known = {str(moment.date()): value for moment, value in series.items()}
    missing = 0
    for row in window_rows():
        begin = date.fromisoformat(row["begins"])
        values = [value for value, _ in row["window"]] + [row["ppm_after"]]
        weeks = [begin + timedelta(weeks=n) for n in (*range(WEEKS), WEEKS + HORIZON - 1)]
        for week, value in zip(weeks, values, strict=True):
            missing += value is None
            assert value == known[str(week)] or (value is None and known[str(week)] != known[str(week)])
        assert datetime.fromisoformat(row["known_at"]).date() == weeks[-1]
        assert all(0 <= part < 1 for _, part in row["window"])
    assert missing > 10 and TOTAL == len(series) // STRIDE


def test_no_value_is_in_two_windows() -> None:
    rows = window_rows()
    ends = [datetime.fromisoformat(row["known_at"]).date() for row in rows]
    begins = [date.fromisoformat(row["begins"]) for row in rows]
    assert all(after - end == timedelta(weeks=1) for end, after in zip(ends, begins[1:], strict=False))
