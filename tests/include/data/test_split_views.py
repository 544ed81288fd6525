"""Looking at splits and comparing them, as functions and on the command line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from include import data
from include.data import __main__ as cli
from include.data import items
from include.data.recipes import PARTS
from include.projects.split import Split

pytestmark = pytest.mark.integration
RATIOS = {"train": 0.6, "validation": 0.2, "test": 0.2}


@pytest.fixture
def splits(world: Any, rows: Any) -> list[dict[str, Any]]:
    """Give three splits: of v1, of v2, and of v2 in folds."""
    first = world.split(world.to_version("r1"))
    world.insert(rows(200, 100))
    version = world.to_version("r2")
    second = world.split(version)
    plain = world.project
    world.project = plain.model_copy(update={"split": Split(method="kfold", folds=3, test=0.2)})
    third = world.split(version)
    world.project = plain
    return [first, second, third]


@pytest.fixture
def run(world: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs one command on the world: code, what it prints, what it complains."""
    monkeypatch.setattr(cli, "Settings", lambda: world.settings)
    monkeypatch.setattr(cli, "load_project", lambda *_: world.project)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["splits", *arguments])
        return code, *capsys.readouterr()

    return command


def test_stored_splits_are_listed_and_found(world: Any, splits: Any) -> None:
    found = data.list_splits(world.settings, world.project, "dev")
    assert [{k: ref[k] for k in made} for ref, made in zip(found, splits, strict=True)] == splits
    assert [ref["method"] for ref in found] == ["stratified", "stratified", "kfold"]

    def find(name: str) -> dict[str, Any]:
        return data.find_split(world.settings, world.project, "dev", name)

    assert find("v1") == found[0] and find("v2") == find("") == found[2]
    assert find(splits[1]["split_digest"]) == find(splits[1]["split_digest"][7:17]) == found[1]
    for name in ("v9", "abc", "000000000", "../v1", "둘"):
        with pytest.raises(data.ReferenceFault, match=r"there is none named.*v1 "):
            find(name)


def test_ops_may_look_at_the_splits_of_dev(world: Any, splits: Any) -> None:
    found = data.list_splits(world.without("dev"), world.project, "dev")
    assert found == data.list_splits(world.settings, world.project, "dev")
    assert data.compare_splits(world.without("dev"), found[0], found[0])["identical"]


def test_no_splits_yet(world: Any) -> None:
    world.to_version()
    assert data.list_splits(world.settings, world.project, "dev") == []
    with pytest.raises(data.ReferenceFault, match=r"there is none.*stored: none"):
        data.find_split(world.settings, world.project, "dev")


def test_every_item_is_told_with_its_part(world: Any, splits: Any) -> None:
    found = list(data.split_items(world.settings, splits[0]))
    assert Counter(item["part"] for item in found) == splits[0]["counts"]
    assert [item["item_id"] for item in found if item["part"] == "test"] == world.load(splits[0]).item_ids
    assert {item["key"] for item in found} == {str(n) for n in range(1, 201)} and found[0]["round"].endswith("/000001")
    assert {item["part"] for item in data.split_items(world.settings, splits[2])} == {"1", "2", "3", "test"}
    assert {item["part"] for item in data.split_items(world.settings, splits[2], 3)} == set(PARTS)


def test_items_that_are_not_those_of_the_split_are_not_shown(world: Any, splits: Any) -> None:
    document = data.split_document(world.settings, splits[0])
    document["parts"]["test"]["ids"] = "sha256:" + "0" * 64
    world.dev.branch("forged", splits[0]["commit"])
    world.dev.put("forged", "splits/forged.json", items.dump(document))
    commit = world.dev.commit("forged", "forged", {})
    place = {"commit": commit, "split_path": "splits/forged.json", "split_digest": items.digest(document)}
    with pytest.raises(data.IntegrityError, match=r"test of .*item ids or labels"):
        list(data.split_items(world.settings, {**splits[0], **place}))
    with pytest.raises(data.IntegrityError, match=r"test of .*item ids or labels"):
        data.compare_splits(world.settings, splits[0], {**splits[0], **place})


def test_comparing_tells_what_moved_came_and_went(world: Any, splits: Any) -> None:
    same = data.compare_splits(world.settings, splits[0], splits[0])
    assert same["identical"] and not same["moved"] and not same["examples"]
    grown = data.compare_splits(world.settings, splits[0], splits[1])
    assert (grown["items"], grown["added"], grown["removed"], grown["moved"]) == ([200, 300], 100, 0, {})
    assert sum(part["added"] for part in grown["parts"].values()) == 100 and len(grown["examples"]["added"]) == 5
    counts = {part: [splits[0]["counts"][part], splits[1]["counts"][part]] for part in PARTS}
    assert {part: its["count"] for part, its in grown["parts"].items()} == counts
    for its in grown["parts"].values():
        assert [sum(pair[side] for pair in its["classes"].values()) for side in (0, 1)] == its["count"]
    back = data.compare_splits(world.settings, splits[1], splits[0])
    assert (back["added"], back["removed"]) == (0, 100)

    folds = data.compare_splits(world.settings, splits[2], splits[2], 1, 2)
    train, validation = folds["parts"]["train"], folds["parts"]["validation"]
    assert not folds["identical"] and set(folds["moved"]) == {"train -> validation", "validation -> train"}
    assert validation["moved_in"] == train["moved_out"] == folds["moved"]["train -> validation"]
    mixed = data.compare_splits(world.settings, splits[1], splits[2], None, 1)
    old = {part: set(world.load(splits[1], part).item_ids) for part in PARTS}
    new = {part: set(data.load_part(world.settings, world.project, splits[2], part, fold=1).item_ids) for part in PARTS}
    wanted = {f"{a} -> {b}": len(old[a] & new[b]) for a in PARTS for b in PARTS if a != b and old[a] & new[b]}
    assert mixed["moved"] == wanted
    with pytest.raises(data.ReferenceFault, match=r"other parts or folds.*Choose the fold"):
        data.compare_splits(world.settings, splits[1], splits[2])


def test_the_command_line(world: Any, splits: Any, run: Any, tmp_path: Path) -> None:
    digits = [ref["split_digest"][7:19] for ref in splits]
    code, said, _ = run("list")
    assert code == 0 and [line.split()[1] for line in said.splitlines()[1:]] == digits and "kfold" in said
    assert len(json.loads(run("list", "--json")[1])) == 3
    code, said, _ = run("show", digits[0])
    assert code == 0 and splits[0]["split_digest"] in said and "leakage  contents: 0" in said and "hash-systematic-1" in said
    assert [str(n) for n in splits[0]["counts"].values()] == next(x for x in said.splitlines() if x.startswith("items")).split()[
        1:
    ]
    assert "validation" in run("show", "--fold", "2")[1]
    assert len(run("show", "v1", "--items")[1].splitlines()) == 200
    assert json.loads(run("show", "v1", "--json")[1])["document"]["version"] == "v1"
    assert run("compare", digits[0], digits[0])[0] == 0
    code, said, _ = run("compare", "v1", digits[1])
    assert code == 1 and "added 100, removed 0" in said
    assert json.loads(run("compare", "v1", digits[1], "--json")[1])["added"] == 100
    code, said, _ = run("restore", digits[0], str(tmp_path / "out"))
    assert code == 0 and (tmp_path / "out" / "SHA256SUMS").is_file() and str(splits[0]["counts"]) in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "v7"], "there is none named 'v7'"),
        (["show", "v1", "--fold", "2"], "no fold '2'"),
        (["show", "v2", "--fold", "9"], "It has 3 folds"),
        (["compare", "v1", "v2"], "Choose the fold"),
        (["restore", "v1", "/"], "not an empty folder"),
        (["list", "--zone", "ops"], "ops"),
    ],
)
def test_what_cannot_be_done_is_told(world: Any, splits: Any, run: Any, arguments: list[str], says: str) -> None:
    world.settings = world.without("ops")
    code, said, complaint = run(*arguments)
    assert code == 2 and says in complaint and not said and "Traceback" not in complaint
