from __future__ import annotations

import json
from typing import Any

import pytest

from include.clients.lakefs import DataError, DataRepository, ObjectStat
from include.data import records as module
from include.data.records import documents, open_repository, read_round, records

pytestmark = pytest.mark.integration


def test_what_was_collected_is_told(world: Any, rows: Any) -> None:
    version = world.to_version()
    split = world.split(version)
    world.insert(rows(200, 50))
    waiting = world.collect("r2")
    found = records(world.settings, world.project, "dev")
    assert found.commit == world.dev.head("main")
    (one,) = found.rounds
    assert (one["number"], one["kind"], one["count"], one["run_id"]) == (1, "collected", 200, "r1")
    assert one["checks"]["ok"] and one["review"] is None
    assert world.dev.commit_info(one["merged"]).metadata["step"] == "merge"
    assert {"id", "pixels", "digit"} <= set(one["columns"])
    assert "high_water_marks" not in one
    told = found.versions[0]
    assert (told["version"], told["count"], told["labelled"], told["state"]) == ("v1", 200, 200, "labelled")
    assert (told["rounds"], told["notes"], told["commit"]) == ([1], "첫 판", version["commit"])
    assert found.splits[0]["digest"] == split["split_digest"] and found.splits[0]["path"] == split["split_path"]
    assert one["report"] in (None, "rounds/000001/report.html")
    on_branch = read_round(world.dev, waiting["branch"], 2)
    assert on_branch is not None and on_branch["count"] == 50 and on_branch["merged"] is None
    assert read_round(world.dev, "main", 2) is None


def test_looking_again_reads_nothing_twice(world: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.to_version()
    first = records(world.settings, world.project, "dev")
    read: list[str] = []
    get = DataRepository.get

    def counted(self: DataRepository, ref: str, path: str) -> bytes:
        read.append(path)
        return get(self, ref, path)

    monkeypatch.setattr(DataRepository, "get", counted)
    assert records(world.settings, world.project, "dev") is first and read == []
    monkeypatch.setattr(DataRepository, "get", get)
    world.insert(rows(200, 50))
    world.to_version("r2")
    monkeypatch.setattr(DataRepository, "get", counted)
    assert [one["number"] for one in records(world.settings, world.project, "dev").rounds] == [1, 2]
    assert read and all(path.startswith("rounds/000002/") for path in read)


def test_another_credential_sees_nothing_that_was_remembered(world: Any) -> None:
    world.to_version()
    records(world.settings, world.project, "dev")
    wrong = world.settings.model_copy(update={"data_dev_access_key": "stranger"})
    with pytest.raises(DataError):
        records(wrong, world.project, "dev")


def test_nothing_was_ever_collected(world: Any) -> None:
    found = records(world.settings, world.project, "dev")
    assert found.commit is None and found.rounds == found.versions == found.splits == []


def test_ops_reads_dev_and_never_the_reverse(world: Any) -> None:
    world.to_version()
    assert len(records(world.without("dev"), world.project, "dev").rounds) == 1
    with pytest.raises(DataError, match="no credential for the ops data zone"):
        records(world.without("ops"), world.project, "ops")


@pytest.mark.parametrize("content", [b"", b"no json", b"[1]", b'{"labels": null}', b"\xff\xfe"])
def test_a_broken_document_counts_as_empty(world: Any, content: bytes) -> None:
    world.dev.ensure()
    world.dev.put("main", "rounds/000001/round.json", content)
    world.dev.put("main", "rounds/000001/checks.json", content)
    world.dev.put("main", "rounds/000002/round.json", json.dumps({"number": 2, "count": 3}).encode())
    commit = world.dev.commit("main", "by hand", {"step": "merge", "kind": "version", "version": "v1", "rounds": "[x"})
    found = documents(world.dev, commit, [ObjectStat("rounds/000001/round.json", 1, "a")])
    assert set(found) == {"rounds/000001/round.json"}
    told = records(world.settings, world.project, "dev")
    assert [one["number"] for one in told.rounds] == [1, 2] and told.rounds[1]["count"] == 3
    assert told.versions[0]["rounds"] == []


def test_memory_is_bounded() -> None:
    memory = module._Memory(2)
    for key in "abc":
        memory.put(key, key)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (None, "b", "c")


def test_a_hurried_repository_does_not_wait(world: Any) -> None:
    down = world.settings.model_copy(update={"data_dev_url": "http://127.0.0.1:9"})
    assert open_repository(down, world.project, "dev").hurry
    with pytest.raises(DataError, match="no answer"):
        records(down, world.project, "dev")
