"""Merging: only what was checked, once, and two collections at once never take one number or one row twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from include import data
from include.clients.lakefs import DataConflict, DataRepository
from include.data import items, rounds

pytestmark = pytest.mark.integration


def keys(world: Any) -> list[str]:
    return [
        key
        for number in rounds.numbers(world.dev)
        for key in items.read(world.dev, "main", rounds.items_path(number), ["key"])["key"].to_pylist()
    ]


def test_merge_brings_round_and_report_to_main_and_drops_the_branch(world: Any) -> None:
    ref = world.collect()
    world.check(ref)
    merged = world.merge(ref)
    assert set(world.dev.list("main", "rounds/")) == {
        "rounds/000001/checks.json",
        "rounds/000001/items.parquet",
        "rounds/000001/marks.parquet",
        "rounds/000001/quality.json",
        "rounds/000001/report.html",
        "rounds/000001/round.json",
    }
    assert not world.dev.has(ref["branch"])
    commit = world.dev.commit_info(merged["commit"])
    assert commit.metadata["step"] == "merge" and commit.metadata["run_id"] == "r1" and commit.metadata["author"] == "developer"
    assert (commit.metadata["round"], commit.metadata["count"], commit.metadata["digest"]) == ("1", "200", ref["digest"])
    assert world.merge(ref) == merged


def test_an_unchecked_round_is_not_merged(world: Any) -> None:
    with pytest.raises(data.ReferenceFault, match="was not checked"):
        world.merge(world.collect())
    assert rounds.numbers(world.dev) == []


def test_a_round_changed_after_its_checks_is_not_merged(world: Any) -> None:
    ref = world.collect()
    world.check(ref)
    described = rounds.describe(world.dev, ref["branch"], 1)
    world.dev.put(ref["branch"], rounds.round_path(1), items.dump({**described, "count": 999}))
    world.dev.commit(ref["branch"], "later", {"step": "round", "run_id": "r1", "round": 1})
    with pytest.raises(data.ReferenceFault, match="or changed since"):
        world.merge(ref)
    assert rounds.numbers(world.dev) == []


def test_killed_after_the_merge(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = world.collect()
    world.check(ref)
    with monkeypatch.context() as broken:
        broken.setattr(DataRepository, "delete_branch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.merge(ref)
    assert rounds.numbers(world.dev) == [1] and world.dev.has(ref["branch"])
    assert world.merge(ref)["round"] == 1 and not world.dev.has(ref["branch"])


def test_the_second_of_two_collections_takes_only_what_the_first_left(world: Any, rows: Any) -> None:
    first = world.collect("r1")
    world.insert(rows(200, 50))
    second = world.collect("r2")
    assert first["round"] == second["round"] == 1 and second["count"] == 250
    world.check(first), world.check(second)
    assert world.merge(first)["count"] == 200
    merged = world.merge(second)
    assert (merged["round"], merged["count"]) == (2, 50)
    assert keys(world) == [str(n) for n in range(1, 251)]
    assert world.tag(second)["rounds"] == [1, 2]


def test_the_second_of_two_equal_collections_has_nothing_left(world: Any) -> None:
    first, second = world.collect("r1"), world.collect("r2")
    world.check(first), world.check(second)
    world.merge(first)
    merged = world.merge(second)
    assert merged["count"] == 0 and merged["commit"] == world.dev.head("main")
    assert world.merge(second)["count"] == 0
    version = world.tag(world.merge(first))
    assert world.tag(merged)["version"] == version["version"] == "v1"
    assert keys(world) == [str(n) for n in range(1, 201)]


def test_what_is_collected_again_is_checked_again(world: Any, rows: Any) -> None:
    first = world.collect("r1")
    world.insert(rows(200, 3))
    second = world.collect("r2")
    world.check(first), world.check(second)
    world.merge(first)
    with pytest.raises(data.DataCheckError, match="rows is 3, wanted >= 10"):
        world.merge(second)
    assert rounds.numbers(world.dev) == [1]


def test_many_at_once(world: Any) -> None:
    def run(number: int) -> dict:
        ref = world.collect(f"r{number}")
        world.check(ref)
        return world.merge(ref)

    with ThreadPoolExecutor(4) as pool:
        merged = list(pool.map(run, range(4)))
    assert sorted(ref["count"] for ref in merged) == [0, 0, 0, 200]
    assert keys(world) == [str(n) for n in range(1, 201)]


def test_losing_again_and_again_is_an_error(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = world.collect()
    world.check(ref)

    def lose(self: Any, branch: str, **_: Any) -> str:
        raise DataConflict(self.name, "conflict", "again")

    monkeypatch.setattr(DataRepository, "merge", lose)
    with pytest.raises(DataConflict, match="other runs merged first 5 times"):
        world.merge(ref)
