"""Rounds from operation and bundles of both zones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from include import data
from include.clients.lakefs import DataDenied
from include.data import arrays, items, rounds
from include.data.split import PARTS
from include.inference import PredictionLog, end_cursor

pytestmark = pytest.mark.integration
TRUTHS = "truths"


def ask(
    world: Any,
    begin: int,
    count: int,
    *,
    truths: bool = True,
    inputs: Any = None,
    labels: Any = None,
    size: int = 2,
    route: str = "production",
) -> None:
    """Write requests of ``size`` rows to the prediction log, and their true answers."""
    values = np.random.default_rng([7, begin]).integers(0, 17, size=(count, size, 8, 8))
    log = PredictionLog(world.settings.prediction_log, world.project.name)
    for place in range(count):
        name = f"요청-{begin + place}"
        record = {
            "id": name,
            "at": "2026-02-01T00:00:00+00:00",
            "route": route,
            "release_id": "x-r0001",
            "n": size,
            "inputs": values[place].tolist() if inputs is None else inputs,
            "labels": ["0"] * size,
            "probabilities": [],
            "ms": 1.0,
        }
        log.write([record])
        if truths:
            told = labels or [str((place + row) % 10) for row in range(size)]
            log.write([{"id": name, "at": record["at"], "labels": told}], TRUTHS)
    log.close()


def collect(world: Any, run_id: str = "o1", start: str | None = None, end: str | None = None) -> dict[str, Any]:
    return data.collect_operating_round(world.settings, world.project, run_id, "operator", start, end)


def merged(world: Any, ref: dict[str, Any]) -> dict[str, Any]:
    world.check(ref)
    return world.merge(ref)


def bundle(world: Any, run_id: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return data.make_bundle(world.settings, world.project, run_id, "operator", list(parts), "drift")


def test_an_operating_round(world: Any) -> None:
    ask(world, 0, 15)
    ask(world, 15, 5, truths=False)
    ask(world, 20, 5, route="staging")
    ref = collect(world)
    assert (ref["round"], ref["count"], ref["kind"], ref["zone"]) == (1, 30, "operating", "ops")
    assert ref["skipped"] == {"without_truth": 10, "unknown_label": 0, "other_form": 0, "taken_before": 0}
    table = items.read(world.ops, ref["branch"], rounds.items_path(1), items.COLUMNS)
    assert table["key"].to_pylist()[:3] == ["요청-0#0", "요청-0#1", "요청-1#0"]
    assert table["label"].to_pylist()[:3] == ["0", "1", "1"]
    first = np.random.default_rng([7, 0]).integers(0, 17, size=(15, 2, 8, 8))[0, 1]
    assert np.array_equal(arrays.to_array(table["content"], world.project.data.content)[1], first)
    assert merged(world, ref)["round"] == 1
    assert collect(world)["commit"] == merged(world, ref)["commit"]


def test_late_truths_are_taken_later_and_nothing_twice(world: Any) -> None:
    ask(world, 0, 12)
    ask(world, 12, 12, truths=False)
    merged(world, collect(world, "o1"))
    log = PredictionLog(world.settings.prediction_log, world.project.name)
    log.write([{"id": f"요청-{n}", "at": "2026-02-02T00:00:00+00:00", "labels": ["1", "2"]} for n in range(12, 24)], TRUTHS)
    log.close()
    ref = collect(world, "o2")
    assert (ref["round"], ref["count"], ref["skipped"]["taken_before"]) == (2, 24, 24)
    merged(world, ref)
    assert collect(world, "o3")["count"] == 0


def test_cursors_bound_the_round(world: Any) -> None:
    ask(world, 0, 10)
    middle = end_cursor(world.settings.prediction_log, world.project.name)
    ask(world, 10, 11)
    assert collect(world, "o1", end=middle)["count"] == 20
    assert collect(world, "o2", start=middle)["count"] == 22
    ask(world, 30, 5)
    assert collect(world, "o2", start=middle)["count"] == 22


@pytest.mark.parametrize(
    ("inputs", "labels", "name"),
    [
        ([[[3.5] * 8] * 8] * 2, None, "other_form"),
        ([[[300] * 8] * 8] * 2, None, "other_form"),
        ([[0] * 64] * 2, None, "other_form"),
        ([["a"], [1, 2]], None, "other_form"),
        (None, ["11", "고양이"], "unknown_label"),
        (None, ["1"], "without_truth"),
    ],
)
def test_what_cannot_be_an_item_is_counted(world: Any, inputs: Any, labels: Any, name: str) -> None:
    ask(world, 0, 3, inputs=inputs, labels=labels)
    ref = collect(world)
    assert ref["count"] == 0 and ref["skipped"][name] == 6
    with pytest.raises(data.DataCheckError, match="rows is 0, wanted >= 20") as caught:
        world.check(ref)
    assert name in str(caught.value)


def test_too_few_new_rows(world: Any) -> None:
    ask(world, 0, 5)
    with pytest.raises(data.DataCheckError, match="rows is 10, wanted >= 20"):
        world.check(collect(world))


def test_two_operating_rounds_at_once(world: Any) -> None:
    ask(world, 0, 12)
    first = collect(world, "o1")
    ask(world, 12, 12)
    second = collect(world, "o2")
    world.check(first), world.check(second)
    assert world.merge(first)["count"] == 24
    again = world.merge(second)
    assert (again["round"], again["count"], again["skipped"]["taken_before"]) == (2, 24, 24)


def test_a_bundle_keeps_the_old_split_and_splits_the_new_rows(world: Any) -> None:
    split = world.split(world.to_version())
    ask(world, 0, 60)
    ops = merged(world, collect(world))
    made = bundle(world, "b1", {"version": split}, {"round": ops})
    assert (made["repository"], made["version"], made["rounds"], made["count"]) == (world.ops.name, "v1", [2], 320)
    assert rounds.describe(world.ops, "v1", 2)["labels"]["0"] == 20 + 12
    assert not list(world.ops.list("main", rounds.items_path(2)))
    both = world.split(made)
    for part in PARTS:
        old = world.load(both, part, "old")
        assert old.item_ids == world.load(split, part).item_ids
        new = world.load(both, part, "new")
        whole = world.load(both, part)
        assert whole.item_ids == old.item_ids + new.item_ids and whole.origins == ["old"] * len(old.item_ids) + ["new"] * len(
            new.item_ids
        )
        names = world.project.repositories
        assert {name.split("/")[0] for name in new.rounds} == {names["ops"]} and set(old.rounds) == {f"{names['dev']}/000001"}
        assert len(new.item_ids) > 0 and np.array_equal(whole.contents[len(old.item_ids) :], new.contents)
    assert len(world.load(both, "test", "new").item_ids) == pytest.approx(18, abs=10)
    counts = {origin: len(world.load(both, "test", origin).item_ids) for origin in ("old", "new")}
    assert data.origin_counts(world.settings, both, "test") == counts
    assert data.origin_counts(world.settings, split, "test") == {"old": 0, "new": 0}  # no bundle
    assert bundle(world, "b1", split, ops) == {**made, "new": False}
    assert world.split(made) == both


def test_the_old_recipe_holds_when_the_project_changes(world: Any) -> None:
    version = world.to_version()
    split = world.split(version)
    ask(world, 0, 60)
    ops = merged(world, collect(world))
    world.project = world.project.model_copy(update={"split": world.project.split.model_copy(update={"seed": 99})})
    for run, part in (("b1", split), ("b2", version)):
        both = world.split(bundle(world, run, part, ops))
        assert world.load(both, "test", "old").item_ids == world.load(split).item_ids


def test_a_bundle_of_a_bundle(world: Any) -> None:
    split = world.split(world.to_version())
    ask(world, 0, 30)
    first = world.split(bundle(world, "b1", split, merged(world, collect(world, "o1"))))
    ask(world, 30, 30)
    second = world.split(bundle(world, "b2", first, merged(world, collect(world, "o2"))))
    assert second["version"] == "v2" and sum(second["counts"].values()) == 320
    assert world.load(second, "test", "old").item_ids == world.load(first, "test").item_ids


def test_contents_that_were_there_before_are_not_new(world: Any, rows: Any) -> None:
    split = world.split(world.to_version())
    known = np.frombuffer(rows(0, 200)[3][1], np.uint8).reshape(8, 8).tolist()
    ask(world, 0, 60)
    ask(world, 60, 1, inputs=[known], labels=["9"], size=1)
    both = world.split(bundle(world, "b1", split, merged(world, collect(world))))
    assert sum(both["counts"].values()) == 320
    assert data.split_document(world.settings, both)["left_out"] == {"unlabelled": 0, "repeated": 0, "contradicting": 0}
    told = rounds.describe(world.ops, "main", 2)
    assert (told["count"], told["repeated"], told["contradicting"]) == (320, 1, 1)


def test_the_ops_credential_alone_is_enough_and_dev_alone_is_not(world: Any) -> None:
    split = world.split(world.to_version())
    ask(world, 0, 60)
    ops = merged(world, collect(world))
    whole = world.settings
    world.settings = world.without("dev")
    both = world.split(bundle(world, "b1", split, ops))
    assert len(world.load(both).item_ids) == both["counts"]["test"]
    world.settings = whole
    world.settings = world.without("ops")
    with pytest.raises(DataDenied):
        world.load(both)
    with pytest.raises(DataDenied):
        bundle(world, "b2", split, ops)


def test_parts_that_bring_nothing(world: Any) -> None:
    version = world.to_version()
    with pytest.raises(data.ReferenceFault, match="no parts"):
        bundle(world, "b1")
    with pytest.raises(data.ReferenceFault, match="brings nothing"):
        bundle(world, "b1", version, {"repository": world.ops.name, "zone": "ops", "round": None, "count": 0})
    ask(world, 0, 15)
    ref = collect(world)
    with pytest.raises(data.ReferenceFault, match="is not on main"):
        bundle(world, "b1", version, ref)
    assert rounds.numbers(world.ops) == [] and world.ops.tags() == {}
