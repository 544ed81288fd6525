"""Every method of splitting, from project.yaml to the parts that a training gets."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from include import data
from include.data import items, rounds, split
from include.data.recipes import PARTS, recipe
from include.projects.split import Split

pytestmark = pytest.mark.integration
RATIOS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def divide(world: Any, **fields: Any) -> None:
    """Set how the world's project is split."""
    world.project = world.project.model_copy(update={"split": Split(**fields)})


def with_groups(world: Any, people: int = 12) -> None:
    """Give the source a column with whose each image is, and name it."""
    with sqlite3.connect(world.source) as connection:
        connection.execute("ALTER TABLE scans ADD COLUMN person TEXT")
        connection.execute("UPDATE scans SET person = '사람' || (id * 7 % ?) WHERE id % 20", (people,))
    source = world.project.data.source.model_copy(update={"group": "person"})
    world.project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"source": source})})


def more_people(world: Any, rows: Any, people: int) -> None:
    with sqlite3.connect(world.source) as connection:
        connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?, ?)", [(*row, f"사람{row[0] % people}") for row in rows])


def groups_by_part(world: Any, ref: dict[str, Any], fold: Any = None) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item in data.split_items(world.settings, ref, fold):
        if item["group"]:
            found.setdefault(item["part"], set()).add(item["group"])
    return found


def test_people_stay_together_also_over_rounds(world: Any, rows: Any) -> None:
    with_groups(world)
    divide(world, method="grouped", ratios=RATIOS, seed=5)
    first = world.split(world.to_version("r1"))
    table = items.read(world.dev, "main", rounds.items_path(1), ["group"])
    assert table["group"].null_count == 10 and table["group"][0].as_py() == "사람7"
    more_people(world, rows(200, 100), 17)
    second = world.split(world.to_version("r2"))
    for ref in (first, second):
        groups = groups_by_part(world, ref)
        assert set(groups) == set(PARTS)
        assert not groups["train"] & groups["test"] and not groups["train"] & groups["validation"]
        assert not groups["validation"] & groups["test"]
    assert set(world.load(first).item_ids) <= set(world.load(second).item_ids)
    checks = data.split_document(world.settings, second)["leakage"]["checks"]
    assert [check["name"] for check in checks] == ["contents", "groups"] and all(check["ok"] for check in checks)


def test_people_in_two_parts_are_refused_unless_allowed(world: Any) -> None:
    with_groups(world)
    version = world.to_version()
    with pytest.raises(data.LeakageError, match=r"version v1: parts leak.*groups is 12.*groups_may_cross") as caught:
        world.split(version)
    assert caught.value.report["checks"][1]["value"] == 12
    assert not list(world.dev.list("main", "splits/")), "a leaking split is not stored"
    divide(world, method="stratified", ratios=RATIOS, groups_may_cross=True)
    ref = world.split(version)
    assert world.load(ref).item_ids
    assert data.split_document(world.settings, ref)["leakage"]["checks"][1]["value"] == 12


def test_rounds_from_before_there_were_groups(world: Any, rows: Any) -> None:
    version = world.to_version("r1")
    source = world.project.data.source.model_copy(update={"group": "person"})
    divide(world, method="grouped", ratios=RATIOS)
    with pytest.raises(data.ReferenceFault, match=r"split by group, and no item of it has one.*data\.source\.group"):
        world.split(version)
    with sqlite3.connect(world.source) as connection:
        connection.execute("ALTER TABLE scans ADD COLUMN person TEXT")
    world.project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"source": source})})
    more_people(world, rows(200, 100), 9)
    ref = world.split(world.to_version("r2"))
    assert sum(ref["counts"].values()) == 300
    assert sum(len(world.load(ref, part).item_ids) for part in PARTS) == 300


def test_by_time_the_newest_are_the_test(world: Any, rows: Any) -> None:
    divide(world, method="time", ratios=RATIOS)
    version = world.to_version("r1")
    ref = world.split(version)
    document = data.split_document(world.settings, ref)
    spans = document["leakage"]["checks"][1]["ranges"][0]
    assert spans["train"][1] < spans["validation"][0] <= spans["validation"][1] < spans["test"][0]
    assert document["pieces"][0]["split"]["cuts"]["test"] == spans["test"][0]
    times = {row[1]: row[3] for row in rows(0, 200)}
    when = {part: [times[one.tobytes()] for one in world.load(ref, part).contents] for part in PARTS}
    assert max(when["train"]) < min(when["validation"]) and max(when["validation"]) < min(when["test"])
    assert world.split(version) == ref


def test_folds_are_chosen_when_a_part_is_loaded(world: Any) -> None:
    divide(world, method="kfold", folds=4, test=0.2, seed=3)
    ref = world.split(world.to_version())
    assert ref["folds"] == [4] and sum(ref["counts"].values()) == 200
    tests, seen = set(), []
    for fold in range(1, 5):
        parts = {part: data.load_part(world.settings, world.project, ref, part, fold=fold) for part in PARTS}
        assert sum(len(part.item_ids) for part in parts.values()) == 200
        assert not set(parts["train"].item_ids) & {*parts["validation"].item_ids, *parts["test"].item_ids}
        tests.add(tuple(parts["test"].item_ids))
        seen += parts["validation"].item_ids
    assert len(tests) == 1 and len(seen) == len(set(seen)) == 200 - len(tests.pop())
    first = {part: len(world.load(ref, part).item_ids) for part in PARTS}
    assert first == ref["counts"], "without a fold the first is meant"
    with pytest.raises(data.ReferenceFault, match=r"no fold 5.*It has 4 folds"):
        data.load_part(world.settings, world.project, ref, "train", fold=5)


def test_nested_folds_are_chosen_by_two_numbers(world: Any) -> None:
    divide(world, method="nested", folds=3, inner_folds=2, by="random")
    ref = world.split(world.to_version())
    one = {part: data.load_part(world.settings, world.project, ref, part, fold=(2, 1)).item_ids for part in PARTS}
    other = {part: data.load_part(world.settings, world.project, ref, part, fold="2.2").item_ids for part in PARTS}
    assert ref["folds"] == [3, 2] and one["test"] == other["test"]
    assert set(one["train"]) == set(other["validation"]) and set(one["validation"]) == set(other["train"])


def test_more_folds_than_items_can_fill(world: Any) -> None:
    divide(world, method="nested", folds=20, inner_folds=20)
    with pytest.raises(data.ReferenceFault, match=r"fold .* would be empty.*fewer folds"):
        world.split(world.to_version())


def test_a_bundle_of_unlike_splits_is_refused(world: Any, rows: Any) -> None:
    old = world.split(world.to_version("r1"))
    world.insert(rows(200, 100))
    ops = data.collect_round
    ref = ops(world.settings, world.project, "ops", "o1", "developer")
    data.check_round(world.settings, world.project, ref)
    merged = data.merge_round(world.settings, world.project, ref)
    made = data.make_bundle(world.settings, world.project, "b1", "developer", [{"version": old}, {"round": merged}])
    divide(world, method="kfold", folds=3, test=0.2)
    with pytest.raises(data.ReferenceFault, match="other folds or parts"):
        world.split(made)


def test_a_bundle_by_time_keeps_the_old_cuts_and_gives_the_new_rows_their_own(world: Any, rows: Any) -> None:
    divide(world, method="time", ratios=RATIOS)
    old = world.split(world.to_version("r1"))
    world.insert([(*row[:3], f"2026-03-01T10:{place // 60:02d}:{place % 60:02d}") for place, row in enumerate(rows(200, 100))])
    ref = data.collect_round(world.settings, world.project, "ops", "o1", "developer")
    data.check_round(world.settings, world.project, ref)
    merged = data.merge_round(world.settings, world.project, ref)
    bundle = data.make_bundle(world.settings, world.project, "b1", "developer", [{"version": old}, {"round": merged}])
    both = world.split(bundle)
    for part in PARTS:
        assert world.load(both, part, "old").item_ids == world.load(old, part).item_ids
    document = data.split_document(world.settings, both)
    before, after = (piece["split"]["cuts"] for piece in document["pieces"])
    assert before == data.split_document(world.settings, old)["pieces"][0]["split"]["cuts"]
    assert after == {"validation": "2026-03-01T10:01:00.000000+00:00", "test": "2026-03-01T10:01:20.000000+00:00"}
    assert {part: len(world.load(both, part, "new").item_ids) for part in PARTS} == {"train": 60, "validation": 20, "test": 20}
    # What both have is in the bundle once, so that nothing is left for the split to leave out.
    assert document["left_out"]["repeated"] == 0 and len(document["leakage"]["checks"][1]["ranges"]) == 2
    assert bundle["count"] == 300


def test_a_split_of_the_first_format_comes_back(world: Any) -> None:
    """Documents of format 1 had no leakage report; nothing else about them changed."""
    ref = world.split(world.to_version())
    document = data.split_document(world.settings, ref)
    del document["leakage"], document["groups_may_cross"]
    document["format"] = 1
    assert document["pieces"][0]["split"] == recipe(world.project.split)
    digest = items.digest(document)
    world.dev.branch("old", ref["commit"])
    world.dev.put("old", split.split_path(digest), items.dump(document))
    commit = world.dev.commit("old", "as the first version stored it", {})
    old = {**ref, "commit": commit, "split_path": split.split_path(digest), "split_digest": digest}
    assert json.loads(world.dev.get(commit, old["split_path"]))["format"] == 1
    for part in PARTS:
        assert world.load(old, part).item_ids == world.load(ref, part).item_ids
    assert data.compare_splits(world.settings, old, ref)["identical"]
