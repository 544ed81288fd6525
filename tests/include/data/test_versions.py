"""Versions: immutable, numbered without gaps by concurrent runs, one a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from include import data
from include.clients.lakefs import DataConflict, DataRepository
from include.data import versions

pytestmark = pytest.mark.integration


def test_a_version_says_what_it_is_made_of(world: Any, rows: Any) -> None:
    first = world.to_version("r1")
    world.insert(rows(200, 40))
    second = world.to_version("r2")
    assert (first["version"], first["rounds"], first["count"], first["new"]) == ("v1", [1], 200, True)
    assert (second["version"], second["rounds"], second["count"]) == ("v2", [1, 2], 240)
    document = versions.document(world.dev, "v1", "v1")
    assert document["notes"] == "첫 판" and document["author"] == "developer" and document["run_id"] == "r1"
    assert world.dev.tags() == {"v1": first["commit"], "v2": second["commit"]}
    assert data.list_versions(world.settings, world.project, "dev") == [{**first, "new": False}, {**second, "new": False}]
    assert data.latest_version(world.settings, world.project, "dev") == {**second, "new": False}
    assert data.version(world.settings, world.project, "dev", "v1") == {**first, "new": False}
    metadata = world.dev.commit_info("v1").metadata
    assert metadata["version"] == "v1" and metadata["author"] == "developer" and metadata["count"] == "200"


def test_the_same_run_gets_the_same_version(world: Any) -> None:
    first = world.to_version("r1")
    assert world.to_version("r1") == {**first, "new": False}
    assert world.dev.tags() == {"v1": first["commit"]}


def test_a_run_with_nothing_new_gets_the_latest(world: Any) -> None:
    with pytest.raises(data.ReferenceFault, match=r"no version yet"):
        world.dev.ensure()
        data.latest_version(world.settings, world.project, "dev")
    first = world.to_version("r1")
    assert world.to_version("r2") == {**first, "new": False}


def test_killed_between_merge_and_tag(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = world.collect()
    world.check(ref)
    merged = world.merge(ref)
    with monkeypatch.context() as broken:
        broken.setattr(DataRepository, "tag", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.tag(merged)
    assert world.dev.tags() == {}
    assert world.tag(merged)["version"] == "v1" and list(world.dev.tags()) == ["v1"]


def test_runs_at_once_get_numbers_of_their_own(world: Any, rows: Any) -> None:
    merged = []
    for number in range(3):
        world.insert(rows(200 + 20 * number, 20))
        ref = world.collect(f"r{number}")
        world.check(ref)
        merged.append(world.merge(ref))
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(world.tag, merged))
    assert sorted(ref["version"] for ref in made) == ["v1", "v2", "v3"]
    assert {ref["run_id"]: ref["rounds"] for ref in made} == {"r0": [1], "r1": [1, 2], "r2": [1, 2, 3]}


def test_a_round_that_is_not_merged_has_no_version(world: Any) -> None:
    with pytest.raises(data.ReferenceFault, match="not on main"):
        world.tag(world.collect())


def test_a_version_that_is_not_there(world: Any) -> None:
    world.to_version()
    with pytest.raises(data.ReferenceFault, match=r"no version 'v7'.*Versions there: v1"):
        data.version(world.settings, world.project, "dev", "v7")


def test_a_tag_of_somebody_else_is_left_alone(world: Any, rows: Any) -> None:
    world.to_version("r1")
    foreign = world.dev.tag("v2", "main")
    world.insert(rows(200, 20))
    assert world.to_version("r2")["version"] == "v3"
    assert world.dev.tags()["v2"] == foreign
    with pytest.raises(DataConflict, match="tags never move"):
        world.dev.tag("v2", world.dev.head("v3"))
