"""Checks: each fault is found, told with examples, and keeps the round off main."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from include import data
from include.data import items, rounds
from include.errors import FinalError
from include.projects.content import ArrayContent as Content

pytestmark = pytest.mark.integration


def limits(world: Any, **limits: Any) -> None:
    checks = world.project.data.checks.model_copy(update=limits)
    world.project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"checks": checks})})


def change(world: Any, sql: str) -> None:
    with sqlite3.connect(world.source) as connection:
        connection.execute(sql)


def test_a_good_round_passes_and_the_report_lies_beside_it(world: Any) -> None:
    ref = world.collect()
    report = world.check(ref)
    assert report["ok"] and all(check["ok"] for check in report["checks"]) and report["count"] == 200
    assert report["commit"] == ref["commit"] and report["digest"] == ref["digest"]
    assert world.dev.get(ref["branch"], rounds.checks_path(1)) == items.dump(report)
    head = world.dev.head(ref["branch"])
    assert world.check(ref) == report and world.dev.head(ref["branch"]) == head


@pytest.mark.parametrize(
    ("sql", "name", "example"),
    [
        ("UPDATE scans SET pixels = x'0102' WHERE id IN (5, 9)", "content_size", "5"),
        ("UPDATE scans SET pixels = NULL WHERE id = 5", "content_size", "5"),
        ("UPDATE scans SET pixels = 'text' WHERE id = 5", "content_size", "5"),
        ("UPDATE scans SET pixels = zeroblob(63) || x'11' WHERE id = 6", "content_range", None),
        ("UPDATE scans SET digit = 11 WHERE id = 5", "unknown_labels", "5: '11' is no class"),
        ("UPDATE scans SET digit = '고양이' WHERE id = 5", "unknown_labels", "5: '고양이' is no class"),
        ("UPDATE scans SET digit = NULL WHERE id = 5", "missing_labels", None),
        ("UPDATE scans SET pixels = (SELECT pixels FROM scans WHERE id = 1) WHERE id < 9", "duplicates", None),
        ("DELETE FROM scans WHERE digit = 3", "rows_per_class", "3"),
        ("DELETE FROM scans WHERE id > 9", "rows", None),
    ],
)
def test_each_fault_is_found(world: Any, sql: str, name: str, example: str | None) -> None:
    change(world, sql)
    ref = world.collect()
    with pytest.raises(data.DataCheckError) as caught:
        world.check(ref)
    failed = {check["name"]: check for check in caught.value.report["checks"] if not check["ok"]}
    assert name in failed and isinstance(caught.value, FinalError) and ref["branch"] in str(caught.value)
    if example:
        assert failed[name]["examples"][0] == example and example in str(caught.value)
    with pytest.raises(data.ReferenceFault, match="did not pass its checks"):
        world.merge(ref)
    assert rounds.numbers(world.dev) == [] and world.dev.has(ref["branch"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 16.5])
def test_values_that_are_no_good_numbers(world: Any, bad: float) -> None:
    import numpy as np

    content = Content(dtype="float32", shape=[4], range=(0, 16))
    world.project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"content": content})})
    change(world, "DELETE FROM scans")
    values = np.arange(80, dtype=np.float32).reshape(20, 4) / 5
    values[13, 2] = bad
    world.insert((n + 1, values[n].tobytes(), n % 10, "2026-01-05T09:00:00") for n in range(20))
    with pytest.raises(data.DataCheckError) as caught:
        world.check(world.collect())
    (failed,) = [check for check in caught.value.report["checks"] if not check["ok"]]
    assert failed["name"] == "content_range" and failed["examples"] == ["14"]


def test_limits_can_allow_it(world: Any) -> None:
    change(world, "UPDATE scans SET digit = NULL WHERE id = 5")
    change(world, "UPDATE scans SET pixels = (SELECT pixels FROM scans WHERE id = 1) WHERE id = 11")
    limits(world, max_missing_labels=0.005, max_duplicates=0.005)
    ref = world.collect()
    assert world.check(ref)["ok"]
    assert rounds.describe(world.dev, ref["branch"], 1)["state"] == "raw"


def test_a_corrected_source_is_collected_again_by_the_same_run(world: Any) -> None:
    change(world, "UPDATE scans SET digit = 11 WHERE id = 5")
    with pytest.raises(data.DataCheckError):
        world.check(world.collect())
    change(world, "UPDATE scans SET digit = 4 WHERE id = 5")
    ref = world.collect()
    assert ref["new"] and world.check(ref)["ok"] and world.merge(ref)["round"] == 1


def test_nothing_new_is_fine(world: Any) -> None:
    world.to_version()
    ref = world.collect("r2")
    assert world.check(ref) == {"ok": True, "round": None, "commit": ref["commit"], "digest": None, "count": 0, "checks": []}


def test_a_round_that_was_exchanged_on_its_branch_is_found(world: Any, tmp_path: Any) -> None:
    ref = world.collect()
    rows = [items.Item(str(n), bytes([n % 17] * 64), "1", None, "x") for n in range(200)]
    items.write(tmp_path / "t", rows, world.project.data.content)
    world.dev.put(ref["branch"], rounds.items_path(1), tmp_path / "t")
    world.dev.commit(ref["branch"], "exchange", {"step": "round", "run_id": "r1", "round": 1})
    with pytest.raises(data.DataCheckError, match="stored_as_collected"):
        world.check(ref)
