"""Rolling back: an earlier version's content under a new name, and rounds that later versions leave out."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from include import data
from include.clients.lakefs import DataRepository
from include.data import rounds, states, versions
from include.data.withdrawn import read_withdrawn

pytestmark = pytest.mark.integration


def back(world: Any, to: str, run_id: str = "x1", reason: str = "틀린 자료가 들어갔다") -> dict[str, Any]:
    return data.roll_back(world.settings, world.project, "dev", to, run_id, "운영자", reason)


def more(world: Any, rows: Any, begin: int, run_id: str) -> dict[str, Any]:
    world.insert(rows(begin, 20))
    return world.to_version(run_id)


@pytest.fixture
def three(world: Any, rows: Any) -> Any:
    """Give a world with v1, v2 and v3 of one, two and three rounds, v1 split."""
    world.split(world.to_version("r1"))
    more(world, rows, 200, "r2"), more(world, rows, 220, "r3")
    return world


def test_the_content_of_an_earlier_version_under_a_new_name(three: Any) -> None:
    first = data.version(three.settings, three.project, "dev", "v1")
    made = back(three, "v1")
    assert (made["version"], made["rolled_back_to"], made["count"], made["rounds"]) == ("v4", "v1", 200, [1])
    assert made["digest"] == first["digest"] and made["withdrawn"] == [2, 3] and made["state"] == "labelled"
    document = versions.document(three.dev, "v4", "v4")
    assert document["author"] == "운영자" and document["notes"] == "틀린 자료가 들어갔다"
    gone = read_withdrawn(three.dev, "main")["rounds"]
    assert [(one["round"], one["version"], one["by"], one["reason"]) for one in gone] == [
        (number, "v4", "운영자", "틀린 자료가 들어갔다") for number in (2, 3)
    ]
    assert rounds.numbers(three.dev) == [1, 2, 3] and list(three.dev.tags()) == ["v1", "v2", "v3", "v4"]
    latest = data.latest_version(three.settings, three.project, "dev")
    assert latest["version"] == "v4" and latest["rolled_back_to"] == "v1"
    assert next(states.history(three.settings, three.project, "dev"))["version"] == "v4"
    assert data.compare_versions(three.settings, three.project, first, made)["identical"]


def test_it_is_split_as_it_was_whatever_project_yaml_says_now(three: Any) -> None:
    old = data.find_split(three.settings, three.project, "dev", "v1")
    three.project = three.project.model_copy(update={"split": three.project.split.model_copy(update={"seed": 99})})
    new = three.split(back(three, "v1"))
    for part in ("train", "validation", "test"):
        assert three.load(new, part).item_ids == three.load(old, part).item_ids


def test_later_versions_leave_out_what_was_withdrawn(three: Any, rows: Any) -> None:
    back(three, "v1")
    after = more(three, rows, 240, "r4")
    assert (after["version"], after["rounds"], after["count"]) == ("v5", [1, 4], 220)
    again = back(three, "v3", "x2", "doch richtig")
    assert (again["version"], again["rounds"], again["withdrawn"]) == ("v6", [1, 2, 3], [4])
    last = more(three, rows, 260, "r5")
    assert (last["version"], last["rounds"], last["count"]) == ("v7", [1, 2, 3, 5], 260)


def test_a_round_that_no_version_has_yet_is_not_withdrawn(three: Any, rows: Any) -> None:
    three.insert(rows(240, 20))
    waiting = three.collect("r4")
    three.check(waiting)
    merged = three.merge(waiting)
    assert back(three, "v1")["withdrawn"] == [2, 3]
    assert three.tag(merged)["rounds"] == [1, 4]


def test_a_withdrawn_round_is_not_tagged_later(three: Any, rows: Any) -> None:
    three.insert(rows(240, 20))
    slow = three.collect("slow")
    three.check(slow)
    slow = three.merge(slow)
    more(three, rows, 260, "quick")
    back(three, "v2")
    with pytest.raises(data.ReferenceFault, match=r"round 4 was withdrawn by 운영자 with v5: 틀린"):
        three.tag(slow)


def test_withdrawn_rows_are_not_collected_again(three: Any) -> None:
    back(three, "v1")
    assert three.collect("r9")["count"] == 0


def test_back_to_a_bundle(three: Any, rows: Any) -> None:
    part = {"version": "v2", "filter": {"classes": ["1", "2"]}}
    bundle = data.make_bundle(three.settings, three.project, "b1", "developer", [part], zone="dev")
    whole = more(three, rows, 240, "r5")
    assert (bundle["version"], bundle["count"], whole["count"]) == ("v4", 44, 260)
    made = back(three, "v4")
    assert (made["count"], made["digest"]) == (44, bundle["digest"])
    after = more(three, rows, 260, "r6")
    assert after["count"] == 64  # the bundle's items and the new round
    assert data.compare_versions(three.settings, three.project, bundle, after)["added"] == 20
    more(three, rows, 280, "r7")
    twice = back(three, after["version"], "x3")
    assert twice["digest"] == after["digest"] and more(three, rows, 300, "r8")["count"] == 84


@pytest.mark.parametrize(
    ("to", "reason", "said"),
    [
        ("v9", "x", r"no version 'v9'. Versions there: v1, v2, v3"),
        ("main", "x", "no version 'main'"),
        ("../v1", "x", "no version '../v1'"),
        ("버전1", "x", "no version '버전1'"),
        ("v3", "x", "v3 is the newest version"),
        ("v1", " ", "no reason"),
    ],
)
def test_what_cannot_be_rolled_back(three: Any, to: str, reason: str, said: str) -> None:
    with pytest.raises(data.ReferenceFault, match=said):
        back(three, to, reason=reason)
    assert list(three.dev.tags()) == ["v1", "v2", "v3"] and three.collect("r4")["count"] == 0


def test_the_same_run_gets_the_same_version(three: Any) -> None:
    first = back(three, "v1")
    assert back(three, "v1") == {**first, "new": False}
    assert list(three.dev.tags())[-1] == "v4"


def test_two_processes_at_once(three: Any) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        place = (three.settings, three.project, "dev")
        waiting = [pool.submit(data.roll_back, *place, to, f"run {to}", "운영자", "틀림") for to in ("v1", "v2")]
        made = [one.result() for one in waiting]
    assert sorted(one["version"] for one in made) == ["v4", "v5"]
    last = max(made, key=lambda one: one["version"])
    assert last["withdrawn"] == ([2, 3] if last["rolled_back_to"] == "v1" else [3])
    assert [one["round"] for one in read_withdrawn(three.dev, "main")["rounds"]] == last["withdrawn"]


def test_a_rollback_and_a_new_version_at_once(three: Any, rows: Any) -> None:
    three.insert(rows(240, 20))
    ref = three.collect("r4")
    three.check(ref)
    merged = three.merge(ref)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(back, three, "v1"), pool.submit(three.tag, merged)
        made, tagged = one.result(), None
        try:
            tagged = other.result()
        except data.ReferenceFault as refused:
            assert "withdrawn" in str(refused)
    if tagged and tagged["version"] > made["version"]:
        assert tagged["rounds"] == [1, 4]
    elif tagged:
        assert tagged["rounds"] == [1, 2, 3, 4] and made["withdrawn"] == [2, 3, 4]


@pytest.mark.parametrize("step", ["put", "commit", "merge", "tag"])
def test_killed_in_the_middle(three: Any, rows: Any, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(DataRepository, step, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            back(three, "v1")
    made = back(three, "v1")
    assert (made["version"], made["withdrawn"]) == ("v4", [2, 3])
    assert list(three.dev.tags()) == ["v1", "v2", "v3", "v4"] and more(three, rows, 240, "r4")["rounds"] == [1, 4]
