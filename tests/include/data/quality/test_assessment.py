"""Assessing rounds where they lie: on their branch, on main, beside earlier rounds and splits."""

from __future__ import annotations

import sqlite3
from typing import Any

import numpy as np
import pytest

from include.data import quality

pytestmark = pytest.mark.integration


def test_a_round_on_its_branch_and_on_main(world: Any) -> None:
    ref = world.collect()
    report = quality.assess(world.settings, world.project, ref)
    assert report["ok"] and (report["round"], report["count"], report["digest"]) == (1, 200, ref["digest"])
    assert report["statistics"]["classes"] == {str(n): 20 for n in range(10)}
    head = world.dev.head(ref["branch"])
    assert quality.assess(world.settings, world.project, ref) == report and world.dev.head(ref["branch"]) == head
    world.check(ref)
    merged = world.merge(ref)
    assert quality.assess(world.settings, world.project, merged)["checks"] == report["checks"]


@pytest.mark.parametrize("marked", [True, False])
def test_items_close_to_the_test_part(world: Any, rows: Any, marked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    first = world.collect()
    world.check(first)
    split = world.split(world.tag(world.merge(first)))
    part = world.load(split, "test")
    near = [np.clip(one.reshape(-1).astype(int) + np.eye(64, dtype=int)[3], 0, 16).astype(np.uint8) for one in part.contents[:5]]
    again = part.contents[5].tobytes()
    late = "2026-02-01T00:00:00+09:00"
    world.insert((1000 + n, one.tobytes(), n, late) for n, one in enumerate([*near, *[np.frombuffer(again, np.uint8)]]))
    world.insert((2000 + n, *row[1:]) for n, row in enumerate(rows(5000, 30)))
    second = world.collect("r2")
    if not marked:  # as of rounds from before there were marks
        monkeypatch.setattr("include.data.quality.history.MARKS", "none.parquet")
    checks = {check["name"]: check for check in quality.assess(world.settings, world.project, second)["checks"]}
    assert checks["repeated_from_earlier"]["value"] == round(1 / 36, 6) and checks["repeated_from_earlier"]["ok"]
    if marked:
        assert checks["leakage"]["value"] == round(5 / 36, 6) and checks["leakage"]["examples"] == [
            str(1000 + n) for n in range(5)
        ]
        assert checks["leakage"]["ok"] and checks["leakage"]["warnings"]
    else:
        assert checks["leakage"]["value"] == 0


def test_a_source_that_gives_everything_again(world: Any) -> None:
    world.to_version()
    with sqlite3.connect(world.source) as connection:
        connection.execute("UPDATE scans SET id = id + 10000")
    ref = world.collect("r2")
    section = world.project.data.model_copy(
        update={"quality": world.project.data.quality.model_copy(update={"max_repeated": 0.5})}
    )
    strict = world.project.model_copy(update={"data": section})
    report = quality.assess(world.settings, strict, ref)
    assert not report["ok"]
    (failed,) = [check for check in report["checks"] if not check["ok"]]
    assert failed["name"] == "repeated_from_earlier" and failed["value"] == 1.0 and "rounds before hold them" in failed["advice"]


def test_marks_that_cannot_be_read_stop_nothing(world: Any) -> None:
    first = world.collect()
    world.dev.put(first["branch"], "rounds/000001/marks.parquet", b"no parquet")
    world.dev.commit(first["branch"], "broken", {"step": "checks", "round": 1, "run_id": "r1"})
    found = quality.earlier(world.settings, world.project, world.dev, first["branch"], 2)
    assert len(found.ids) == 0 and found.signatures is None and found.rounds == 1
