"""Refining on the real data server: raw stays, what each step did is told, and versions are made of refined tables."""

from __future__ import annotations

import importlib
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

import include.projects
from include import data
from include.data import items, refine, rounds
from include.data.errors import RefineError
from include.errors import FinalError
from include.projects.refine import RefineStep

pytestmark = pytest.mark.integration

STEPS = '''"""Steps of a project's own."""
from dataclasses import replace


def brighter(table, form, *, by=1):
    for item in table:
        yield replace(item, content=bytes(min(one + by, 16) for one in item.content))


def at_once(table, form):
    return [item for item in table][:100]


def doubled(table, form):
    for item in table:
        yield item
        yield replace(item, key=item.key + "b", content=item.content[::-1])


def strangers(table, form):
    yield from ({"key": item.key} for item in table)


def texts(table, form):
    for item in table:
        yield replace(item, content="text")


def numbers(table, form):
    for item in table:
        yield replace(item, label=3)


def early(table, form):
    raise KeyError("없음")


def late(table, form):
    yield next(iter(table))
    raise OSError(28, "No space left on device")


def nothing(table, form):
    return None


def none_left(table, form):
    return iter(())


value = 3
'''


def steps(world: Any, *given: Any, **limits: Any) -> None:
    """Give the world's project these steps: names, or (name, params)."""
    found = [RefineStep(use=one, params={}) if isinstance(one, str) else RefineStep(use=one[0], params=one[1]) for one in given]
    checks = world.project.data.checks.model_copy(update=limits)
    world.project = world.project.model_copy(
        update={"data": world.project.data.model_copy(update={"refine": found, "checks": checks})}
    )


@pytest.fixture
def own(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the world's project a module of steps, and the function that writes it anew."""
    folder = tmp_path / "projects" / world.project.name
    folder.mkdir(parents=True)
    monkeypatch.setattr(include.projects, "__path__", [*include.projects.__path__, str(folder.parent)])

    def write(content: str) -> None:
        (folder / "steps.py").write_text(content, encoding="utf-8")
        for name in [name for name in sys.modules if name.startswith(f"include.projects.{world.project.name}")]:
            del sys.modules[name]
        importlib.invalidate_caches()

    write(STEPS)
    return write


def refined(world: Any, ref: dict[str, Any]) -> dict[str, Any]:
    return data.refine_round(world.settings, world.project, ref)


def double(world: Any) -> None:
    with sqlite3.connect(world.source) as connection:
        connection.execute(
            "UPDATE scans SET pixels = (SELECT pixels FROM scans WHERE id = 1), digit = 0 WHERE id IN (11, 21, 31)"
        )


def test_without_steps_items_stay_as_they_are(world: Any) -> None:
    ref = world.collect()
    report = refined(world, ref)
    assert report["count"] == 200 and report["left_out"] == 0 and report["steps"] == [] and report["digest"] == ref["digest"]
    assert report["table"] == rounds.items_path(1)
    head = world.dev.head(ref["branch"])
    assert refined(world, ref) == report and world.dev.head(ref["branch"]) == head


def test_each_step_is_told_and_raw_stays(world: Any, own: Any) -> None:
    double(world)
    steps(world, "drop_duplicates", ("steps:brighter", {"by": 2}), "steps:doubled")
    ref = world.collect()
    raw = world.dev.get(ref["branch"], rounds.items_path(1))
    report = refined(world, ref)
    first, second, third = report["steps"]
    assert (first["before"], first["after"], first["gone"], first["changed"]) == (200, 197, 3, 0)
    assert first["examples"] == ["11", "21", "31"] and first["use"] == "drop_duplicates" and first["params"] == {}
    assert (second["before"], second["after"], second["changed"], second["params"]) == (197, 197, 197, {"by": 2})
    assert (third["after"], third["new"], third["gone"]) == (394, 197, 0)
    assert report["count"] == report["labelled"] == 394 and report["left_out"] == 0
    assert world.dev.get(ref["branch"], rounds.items_path(1)) == raw
    assert rounds.round_commit(world.dev, ref["branch"]) == ref["commit"] == report["commit"]

    checked = world.check(ref)
    assert checked["ok"] and checked["recipe"] == report["recipe"]
    merged = world.merge(ref)
    version = world.tag(merged)
    assert version["count"] == 394 and version["state"] == "labelled"
    assert refined(world, merged) == report
    parts = [world.load(world.split(version), part) for part in ("train", "validation", "test")]
    assert min(part.contents.min() for part in parts) >= 2
    assert world.dev.get("main", rounds.items_path(1)) == raw


def test_the_same_items_and_steps_give_the_same_table(world: Any) -> None:
    steps(world, "drop_duplicates")
    ref = world.collect()
    first = refined(world, ref)
    world.check(ref)
    head = world.dev.head(ref["branch"])
    assert refined(world, ref)["digest"] == first["digest"]
    assert world.check(ref)["ok"] and world.merge(ref)["round"] == 1 and head


def test_what_was_not_refined_is_not_checked(world: Any) -> None:
    steps(world, "drop_duplicates")
    ref = world.collect()
    with pytest.raises(RefineError, match="not refined by the steps that project") as caught:
        world.check(ref)
    assert isinstance(caught.value, FinalError)
    refined(world, ref)
    steps(world, "drop_duplicates", "drop_unlabelled")
    with pytest.raises(RefineError, match="not refined by the steps"):
        world.check(ref)
    refined(world, ref)
    assert world.check(ref)["ok"]


def test_a_round_that_is_collected_again_is_refined_again(world: Any) -> None:
    steps(world, "drop_duplicates")
    with sqlite3.connect(world.source) as connection:
        connection.execute("UPDATE scans SET digit = 11 WHERE id = 5")
    ref = world.collect()
    refined(world, ref)
    with pytest.raises(data.DataCheckError, match="unknown_labels"):
        world.check(ref)
    with sqlite3.connect(world.source) as connection:
        connection.execute("UPDATE scans SET digit = 4 WHERE id = 5")
    ref = world.collect()
    refined(world, ref)
    assert world.check(ref)["ok"] and world.merge(ref)["round"] == 1


def test_the_recipe_is_its_names_parameters_and_code(world: Any, own: Any) -> None:
    found = set()
    for given in (
        [],
        ["drop_duplicates"],
        ["steps:brighter"],
        [("steps:brighter", {"by": 2})],
        ["steps:brighter", "drop_duplicates"],
    ):
        steps(world, *given)
        found.add(refine.recipe_digest(world.project))
        assert refine.recipe_digest(world.project) in found
    steps(world, "steps:brighter")
    own(STEPS.replace("by=1", "by=3"))
    found.add(refine.recipe_digest(world.project))
    assert len(found) == 6


def test_a_changed_recipe_moves_no_version_and_old_rounds_follow(world: Any, rows: Any) -> None:
    double(world)
    version = world.to_version("r1")
    before = world.split(version)
    steps(world, "drop_duplicates")
    world.insert(rows(200, 50))
    ref = world.collect("r2")
    (earlier,) = refined(world, ref)["earlier"]
    assert (earlier["round"], earlier["count"], earlier["left_out"]) == (1, 197, 3)
    world.check(ref)
    again = world.tag(world.merge(ref))
    assert again["version"] == "v2" and again["count"] == 197 + 50 and again["rounds"] == [1, 2]
    assert world.split(version) == before and data.version(world.settings, world.project, "dev", "v1")["count"] == 200
    assert sum(world.split(again)["counts"].values()) == 247
    # Nothing is refined twice by one recipe.
    world.insert(rows(250, 10))
    ref = world.collect("r3")
    assert refined(world, ref)["earlier"] == []


def test_old_rounds_are_checked_when_they_are_refined_anew(world: Any, rows: Any, own: Any) -> None:
    world.to_version("r1")
    own("""def first_only(table, form):
    return (item for item in table if int(item.key) > 195)
""")
    steps(world, "steps:first_only")
    world.insert(rows(200, 50))
    ref = world.collect("r2")
    assert refined(world, ref)["earlier"][0]["count"] == 5
    with pytest.raises(data.DataCheckError, match="rows of round 1"):
        world.check(ref)
    with pytest.raises(data.ReferenceFault, match="did not pass its checks"):
        world.merge(ref)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("nowhere", "there is no such step. Take one of drop_duplicates, drop_groups"),
        (("drop_duplicates", {"columns": ["a"]}), "its params do not fit: got an unexpected keyword argument 'columns'"),
        ("drop_missing", "its params do not fit: missing a required argument: 'columns'"),
        (("drop_missing", {"columns": ["a"]}), "items are of kind array"),
        ("normalise_text", "items are of kind array"),
        ("steps:strangers", "TypeError: it gave dict, wanted include.data.items.Item"),
        ("steps:texts", "TypeError: it gave an item whose key is no text, content no bytes"),
        ("steps:numbers", "TypeError: it gave an item"),
        ("steps:early", "KeyError: '없음'"),
        ("steps:late", "OSError: .*No space left on device"),
        ("steps:nothing", "TypeError: 'NoneType' object is not iterable"),
        ("steps:value", "its params do not fit: 3 is not a callable object"),
        (("drop_groups", {"groups": 5}), "TypeError: 'int' object is not iterable"),
        (("drop_outliers", {"columns": [], "width": "wide"}), "items are of kind array"),
    ],
)
def test_a_step_that_breaks_leaves_the_round_as_it_was(world: Any, own: Any, step: Any, says: str) -> None:
    steps(world, "drop_duplicates", step)
    ref = world.collect()
    head = world.dev.head(ref["branch"])
    with pytest.raises(RefineError, match=says):
        refined(world, ref)
    assert world.dev.head(ref["branch"]) == head
    assert not [path for path in world.dev.list(ref["branch"], rounds.folder(1)) if "refined" in path]


def test_a_step_of_a_module_that_is_not_there(world: Any) -> None:
    steps(world, "nowhere:clean")
    ref = world.collect()
    with pytest.raises(include.projects.ProjectError, match=r"data\.refine: 'nowhere:clean' cannot be imported"):
        refined(world, ref)


def test_steps_that_leave_nothing_end_at_the_checks(world: Any, own: Any) -> None:
    steps(world, "steps:none_left")
    ref = world.collect()
    report = refined(world, ref)
    assert report["count"] == 0 and report["left_out"] == 200 and report["steps"][0]["examples"] == ["1", "2", "3", "4", "5"]
    with pytest.raises(data.DataCheckError, match="rows"):
        world.check(ref)
    steps(world, "steps:at_once")
    assert refined(world, ref)["count"] == 100 and world.check(ref)["ok"]


def test_nothing_new_is_nothing_to_refine(world: Any) -> None:
    world.to_version()
    ref = world.collect("r2")
    assert refined(world, ref) == {
        "round": None,
        "commit": ref["commit"],
        "recipe": refine.recipe_digest(world.project),
        "count": 0,
        "left_out": 0,
        "steps": [],
        "earlier": [],
    }


def test_a_refined_table_that_was_exchanged_is_found(world: Any, tmp_path: Path) -> None:
    steps(world, "drop_duplicates")
    ref = world.collect()
    report = refined(world, ref)
    made = [items.Item(str(n), bytes([n % 17] * 64), str(n % 10), None, "x") for n in range(200)]
    items.write(tmp_path / "t", made, world.project.data.content)
    world.dev.put(ref["branch"], report["table"], tmp_path / "t")
    world.dev.commit(ref["branch"], "exchange", {"step": "refine", "recipe": report["recipe"], "run_id": "r1", "round": 1})
    with pytest.raises(data.DataCheckError, match="stored_as_collected"):
        world.check(ref)
