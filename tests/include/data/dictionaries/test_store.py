"""Dictionaries as rounds: versions of their own, nothing half, nothing twice."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from include import data
from include.clients.lakefs import DataRepository
from include.data import dictionaries, rounds
from include.data.dictionaries import DictionaryError
from include.projects.dictionaries import DictionarySource

pytestmark = pytest.mark.integration


def add(world: Any, words: Any, run_id: str = "d1", name: str = "words", **more: Any) -> dict[str, Any]:
    return dictionaries.add_dictionary(world.settings, world.project, "dev", name, words, run_id, "언어학자", **more)


def get(world: Any, name: str = "words", version: str | None = None) -> dictionaries.Dictionary:
    return dictionaries.dictionary(world.settings, world.project, "dev", name, version)


def test_a_dictionary_is_a_round_with_versions_of_its_own(world: Any, rows: Any) -> None:
    first = add(world, ["개", "고양이", "개"], notes="첫 사전")
    assert (first["round"], first["kind"], first["dictionary_version"], first["tag"], first["count"], first["new"]) == (
        *(1, "dictionary", "v1", "dict-words-v1"),
        *(2, True),
    )
    assert first["report"] == {**first["report"], "words": 2, "repeated": 1, "added": 2, "removed": 0, "changed": 0}
    version = world.to_version("r1")
    assert (version["version"], version["rounds"], version["count"]) == ("v1", [1, 2], 200)
    second = add(world, ["개", {"word": "새", "tag": "NNG"}], "d2")
    assert (second["round"], second["tag"]) == (3, "dict-words-v2") and second["report"]["removed"] == 1
    assert get(world).words == ("개", "새") and get(world, version="v1").words == ("개", "고양이")
    assert get(world).texts("개가 새를") == ["개", "가", "새", "를"]
    world.insert(rows(200, 20))
    assert world.to_version("r2")["count"] == 220  # high-water marks go on behind a dictionary
    told = rounds.describe(world.dev, "main", 1)
    assert (told["author"], told["notes"], told["source"], told["bytes"] > 0) == ("언어학자", "첫 사전", "dictionary words", True)
    listed = dictionaries.list_dictionaries(world.settings, world.project, "dev")
    assert [(one["dictionary"], one["dictionary_version"], one["count"]) for one in listed] == [
        ("words", "v1", 2),
        ("words", "v2", 2),
    ]
    assert data.latest_version(world.settings, world.project, "dev")["version"] == "v2"


def test_the_same_words_are_no_new_version(world: Any) -> None:
    first = add(world, ["개", "고양이"])
    assert add(world, ["고양이", "개"], "d2") == {**first, "new": False}
    assert add(world, ["ignored: the same run"], "d1") == {**first, "new": False}
    assert rounds.numbers(world.dev) == [1] and not [one for one in world.dev.list("main", "rounds/000002")]


def test_extending_and_joining(world: Any) -> None:
    add(world, ["개", {"word": "배", "weight": 1}])
    made = add(world, ["소", {"word": "배", "weight": 2}], "d2", extend=True)
    assert (made["count"], made["report"]["added"], made["report"]["changed"]) == (3, 1, 1)
    assert get(world).entries_of("배")[0].weight == 2
    add(world, ["cat", {"word": "배", "weight": 9}], "d3", name="english")
    place = (world.settings, world.project, "dev", "both")
    with pytest.raises(DictionaryError, match=r"배: weight 2.0 and weight 9.0"):
        dictionaries.join_dictionaries(*place, [("words", None), ("english", "v1")], "d4", "x")
    both = dictionaries.join_dictionaries(*place, [("words", "v2"), ("english", None)], "d5", "x", conflicts="first")
    assert both["count"] == 4 and get(world, "both").entries_of("배")[0].weight == 2
    recipe = rounds.describe(world.dev, "main", both["round"])["recipe"]
    assert [(one["dictionary"], one["version"]) for one in recipe["parts"]] == [("words", "v2"), ("english", "v1")]


def test_comparing_and_restoring(world: Any, tmp_path: Path) -> None:
    add(world, ["개", {"word": "배", "weight": 1}])
    add(world, ["소", {"word": "배", "weight": 2}], "d2")
    place = (world.settings, world.project, "dev", "words")
    found = dictionaries.compare_dictionaries(*place, "v1")
    assert (found["versions"], found["words"], found["identical"]) == (["v1", "v2"], [2, 2], False)
    assert (found["added"], found["removed"], found["changed"]) == (1, 1, 1)
    assert found["examples"]["added"][0][1]["word"] == "소" and found["examples"]["removed"][0][1] is None
    assert dictionaries.compare_dictionaries(*place, "v1", "v1")["identical"]
    for folder in ("하나", "둘"):
        done = dictionaries.restore_dictionary(*place, "v1", tmp_path / folder)
        assert (done["version"], done["words"]) == ("v1", 2)
    assert (tmp_path / "하나" / "SHA256SUMS").read_bytes() == (tmp_path / "둘" / "SHA256SUMS").read_bytes()
    assert subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "둘", capture_output=True).returncode == 0
    add(world, tmp_path / "하나" / "words.jsonl", "d3")  # what was restored is a file of words
    assert get(world).digest == get(world, version="v1").digest


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("Words", ["a"], "'Words' is no name of a dictionary"),
        ("../x", ["a"], "is no name of a dictionary"),
        ("사전", ["a"], "is no name of a dictionary"),
        ("words", [], "there is no word in it"),
        ("words", ["a", 1.5j], "entry 2: it is complex"),
        ("words", Path("/nowhere.csv"), "cannot be read"),
    ],
)
def test_what_is_no_dictionary(world: Any, name: str, words: Any, said: str) -> None:
    with pytest.raises(DictionaryError, match=said):
        add(world, words, name=name)
    world.dev.ensure()
    assert rounds.numbers(world.dev) == [] and world.dev.tags() == {}


def test_dictionaries_that_are_not_there(world: Any) -> None:
    assert dictionaries.list_dictionaries(world.settings, world.project, "dev") == []
    add(world, ["a"])
    with pytest.raises(DictionaryError, match=r"no dictionary 'other'. Dictionaries there: words"):
        get(world, "other")
    with pytest.raises(DictionaryError, match=r"has no version 'v9'. It has v1"):
        get(world, version="v9")


def test_two_at_once_get_numbers_of_their_own(world: Any) -> None:
    add(world, ["a"], "d0")
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda number: add(world, [f"word {number}"], f"d{number}"), (1, 2, 3)))
    assert sorted(one["tag"] for one in made) == ["dict-words-v2", "dict-words-v3", "dict-words-v4"]
    assert sorted(one["round"] for one in made) == [2, 3, 4]


@pytest.mark.parametrize("step", ["put", "commit", "merge", "tag"])
def test_killed_in_the_middle(world: Any, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    add(world, ["a"], "d0")
    with monkeypatch.context() as broken:
        broken.setattr(DataRepository, step, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            add(world, ["b"])
    assert get(world).words == ("a",)
    made = add(world, ["b"])
    assert made["tag"] == "dict-words-v2" and get(world).words == ("b",) and rounds.numbers(world.dev) == [1, 2]


def test_from_the_place_that_project_yaml_names(world: Any, tmp_path: Path) -> None:
    def load(run_id: str, **source: Any) -> dict[str, Any]:
        section = world.project.data.model_copy(update={"dictionaries": {"words": DictionarySource(**source)}})
        project = world.project.model_copy(update={"data": section, "folder": tmp_path / "project"})
        return dictionaries.load_dictionary(world.settings, project, "dev", "words", run_id, "x")

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "나.txt").write_text("개\n소\n", encoding="utf-8")
    (tmp_path / "in" / "a.csv").write_text("word,tag\ncat,\n", encoding="utf-8")
    assert load("d1", url="in")["count"] == 3  # below the product's home
    assert load("d2", url="in")["new"] is False
    assert load("d3", url="in", glob="*.csv")["count"] == 1
    assert load("d4", url=f"file://{tmp_path}/in/나.txt")["count"] == 2
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "words.csv").write_text("word\nx\n")
    assert load("d5", path="words.csv")["count"] == 1
    (tmp_path / "project" / "link.csv").symlink_to(tmp_path / "in" / "a.csv")
    for said, source in {
        "leads out of the project": {"path": "link.csv"},
        "there is no file": {"url": "nowhere"},
        "no file": {"url": "in", "glob": "*.json"},
        "addresses of this kind": {"url": "klingon://x/y"},
        "its name says no format": {"url": "source.db"},
        "NOTHING_THERE holds no JSON": {"url": "file:///tmp", "options_env": "NOTHING_THERE"},
    }.items():
        with pytest.raises(DictionaryError, match=said):
            load("d9", **source)
    with pytest.raises(DictionaryError, match="no dictionary 'words'"):
        dictionaries.load_dictionary(world.settings, world.project, "dev", "words", "d9", "x")
