"""Bundles by filter: exactly the items that are meant, each once, in the parts where they were."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any

import pytest

from include import data
from include.clients.lakefs import DataDenied, DataRepository
from include.data import items, rounds, tables, versions
from include.data.recipes import PARTS
from include.projects.split import Split

pytestmark = pytest.mark.integration


def bundle(world: Any, *parts: Any, run_id: str = "b1", zone: str = "dev") -> dict[str, Any]:
    return data.make_bundle(world.settings, world.project, run_id, "개발자", list(parts), "묶음", zone=zone)


def table_of(world: Any, ref: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    repo = tables.reader(world.settings, ref)
    pieces = versions.document(repo, ref["commit"], ref["version"])["pieces"]
    wanted = names or ("item_id", "key", "label")
    return [row for piece in pieces for row in tables.read_piece(world.settings, piece, wanted).to_pylist()]


def changed(world: Any, **more: Any) -> None:
    """Give the project other sections under data, or another task."""
    section = {name: more.pop(name) for name in list(more) if name in type(world.project.data).model_fields}
    if section:
        more["data"] = world.project.data.model_copy(update=section)
    world.project = world.project.model_copy(update=more)


def without_labels(world: Any, upto: int) -> None:
    """Let the first rows of the source have no label, and checks that allow it."""
    checks = world.project.data.checks.model_copy(update={"max_missing_labels": 1.0, "min_rows_per_class": 0})
    changed(world, checks=checks)
    with sqlite3.connect(world.source) as connection:
        connection.execute("UPDATE scans SET digit = NULL WHERE id <= ?", [upto])


@pytest.fixture
def two(world: Any, rows: Any) -> Any:
    """Give a world with v1 of round 1 (200 items), split, and v2 of rounds 1 and 2 (40 more)."""
    world.split(world.to_version("r1"))
    world.insert(rows(200, 40))
    world.to_version("r2")
    return world


def test_classes_of_a_version(two: Any) -> None:
    made = bundle(two, {"version": "v2", "filter": {"classes": ["3", "8"]}})
    assert (made["version"], made["kind"], made["zone"], made["count"], made["rounds"]) == ("v3", "bundle", "dev", 48, [3])
    assert Counter(row["label"] for row in table_of(two, made)) == {"3": 24, "8": 24}
    told = rounds.describe(two.dev, "main", 3)
    assert (told["kind"], told["state"], told["count"], told["labels"], told["author"]) == (
        *("bundle", "labelled", 48),
        {"3": 24, "8": 24},
        "개발자",
    )
    asked = told["recipe"]["parts"][0]
    assert asked["filter"] == {"classes": ["3", "8"]} and asked["of"][0]["version"] == "v2"
    assert not list(two.dev.list("main", rounds.items_path(3)))
    assert data.latest_version(two.settings, two.project, "dev")["version"] == "v3"


def test_the_line_of_versions_goes_on_behind_a_bundle(two: Any, rows: Any) -> None:
    bundle(two, {"version": "v2", "filter": {"classes": ["3"]}})
    assert two.collect("again")["count"] == 0  # what was taken is known behind a bundle
    two.insert(rows(240, 20))
    after = two.to_version("r3")
    assert (after["version"], after["count"], after["rounds"]) == ("v4", 260, [1, 2, 3, 4])


def test_a_sample_is_the_same_for_ever_and_of_that_size(two: Any) -> None:
    part = {"version": "v2", "filter": {"sample": {"n": 50, "seed": 4}}}
    first, second = bundle(two, part), bundle(two, part, run_id="b2")
    assert first["digest"] == second["digest"] and first["count"] == 50
    other = bundle(two, {"version": "v2", "filter": {"sample": {"n": 50, "seed": 5}}}, run_id="b3")
    assert other["digest"] != first["digest"] and other["count"] == 50
    assert table_of(two, first) == table_of(two, second)


def test_what_was_split_stays_in_its_parts(two: Any) -> None:
    old = data.find_split(two.settings, two.project, "dev", "v1")
    two.project = two.project.model_copy(update={"split": two.project.split.model_copy(update={"seed": 99})})
    whole = {one["item_id"]: one["part"] for one in data.split_items(two.settings, old)}
    made = bundle(two, {"version": "v1", "filter": {"classes": ["1", "2"], "sample": {"n": 30}}}, {"round": 2})
    split = two.split(made)
    found = {one["item_id"]: one["part"] for one in data.split_items(two.settings, split)}
    assert len(found) == 70 == sum(split["counts"].values())
    same = [one for one in found if one in whole]
    assert len(same) == 30 and all(found[one] == whole[one] for one in same)
    assert Counter(found[one] for one in found if one not in whole).keys() == set(PARTS)
    assert set(two.load(split, "train", "old").item_ids) == {one for one in same if whole[one] == "train"}


def test_a_bundle_of_a_bundle_stays_too(two: Any) -> None:
    first = two.split(
        bundle(two, {"version": "v1", "filter": {"classes": ["1", "2"]}}, {"round": 2, "filter": {"sample": {"n": 30}}})
    )
    whole = {one["item_id"]: one["part"] for one in data.split_items(two.settings, first)}
    made = bundle(two, {"split": first["split_digest"], "filter": {"sample": {"n": 45}}}, run_id="b2")
    found = {one["item_id"]: one["part"] for one in data.split_items(two.settings, two.split(made))}
    assert len(found) == 45 and all(whole[one] == part for one, part in found.items())


@pytest.mark.parametrize("method", ["grouped", "kfold", "time"])
def test_other_ways_to_split(world: Any, method: str) -> None:
    if method == "grouped":
        changed(world, source=world.project.data.source.model_copy(update={"group": "scanned_at"}))
    how = {"folds": 4, "test": 0.2} if method == "kfold" else {"ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}}
    world.project = world.project.model_copy(update={"split": Split(method=method, **how)})
    old = world.split(world.to_version())
    whole = {one["item_id"]: one["part"] for one in data.split_items(world.settings, old)}
    made = bundle(world, {"version": old, "filter": {"sample": {"n": 150, "seed": 1}}})
    found = {one["item_id"]: one["part"] for one in data.split_items(world.settings, world.split(made))}
    assert len(found) == 150 and all(whole[one] == part for one, part in found.items())


def test_each_content_once(two: Any) -> None:
    parts = [{"version": "v2", "filter": {"classes": ["1", "2"]}}, {"version": "v2", "filter": {"classes": ["2", "3"]}}]
    made = bundle(two, *parts)
    assert made["count"] == 72 and len({row["item_id"] for row in table_of(two, made)}) == 72
    assert rounds.describe(two.dev, "main", 3)["repeated"] == 24
    both = bundle(two, {"version": "v1"}, {"version": "v2"}, run_id="b2")
    assert both["count"] == 240 and len(versions.document(two.dev, "main", both["version"])["pieces"]) == 2


def test_a_labelled_copy_counts_before_one_without_label(world: Any, rows: Any) -> None:
    without_labels(world, 100)
    world.to_version("r1")
    world.insert([(row[0] + 1000, *row[1:]) for row in rows(0, 50)])  # the same contents, now with labels
    world.to_version("r2")
    made = bundle(world, {"round": 1}, {"round": 2})
    assert (made["count"], made["labelled"]) == (200, 150)
    told = rounds.describe(world.dev, "main", 3)
    assert (told["repeated"], told["contradicting"]) == (50, 0)


def test_label_state_and_a_bundle_of_raw_data(world: Any) -> None:
    without_labels(world, 60)
    world.to_version()
    raw = bundle(world, {"round": 1, "filter": {"labels": "unlabelled"}})
    assert (raw["count"], raw["labelled"]) == (60, 0) and raw["state"] == "refined"
    with pytest.raises(data.ReferenceFault, match="refined and not labelled: 0 of 60"):
        world.split(raw)
    done = bundle(world, {"round": 1, "filter": {"labels": "labelled"}}, run_id="b2")
    assert (done["count"], done["state"]) == (140, "labelled") and sum(world.split(done)["counts"].values()) == 140


def test_times_sources_rounds_and_several_references_in_a_part(two: Any) -> None:
    times = {"taken_from": "2026-01-05T09:10:00+09:00", "taken_to": "2026-01-05T00:20:00Z"}
    assert bundle(two, {"version": "v2", "filter": times})["count"] == 50
    assert bundle(two, {"version": "v2", "filter": {"rounds": [2]}}, run_id="b2")["count"] == 40
    assert bundle(two, {"version": "v2", "filter": {"sources": ["sql:scans"]}}, run_id="b3")["count"] == 240
    both = {"of": [{"round": 1}, {"round": 2}], "filter": {"sample": {"n": 100}}}
    assert bundle(two, both, run_id="b4")["count"] == 100
    assert bundle(two, {"round": 3, "filter": {"classes": ["3"]}}, run_id="b5")["count"] == 5  # of a bundle, by its round


def test_samples_of_two_parts_are_other_items(two: Any) -> None:
    part = {"version": "v2", "filter": {"sample": {"n": 60}}}
    assert bundle(two, part, part)["count"] == 120


def test_korean_classes(world: Any) -> None:
    import unicodedata

    names = ["고양이", "개", *"23456789"]
    with sqlite3.connect(world.source) as connection:
        connection.execute("CREATE TABLE other (id INTEGER PRIMARY KEY, pixels BLOB, digit TEXT, scanned_at TEXT)")
        for number, name in enumerate(names):
            copied = "INSERT INTO other SELECT id, pixels, ?, scanned_at FROM scans WHERE digit = ?"
            connection.execute(copied, (name, number))
    changed(world, source=world.project.data.source.model_copy(update={"table": "other"}), classes=names)
    world.to_version()
    made = bundle(world, {"version": "v1", "filter": {"classes": [unicodedata.normalize("NFD", "고양이")]}})
    assert rounds.describe(world.dev, "main", 2)["labels"] == {"고양이": 20} and made["count"] == 20


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"version": "v7"}, "no version 'v7'"),
        ({"round": 9}, "no round 9"),
        ({"round": "1"}, "'1' is no number of a round"),
        ({"split": "abcdef"}, "there is none named 'abcdef'"),
        ("v2", "a part is a mapping, not str"),
        ({"of": ["v2"]}, "'v2' is no reference"),
        ({"version": "v2", "filter": {"classes": ["11"]}}, "11: no such class"),
        ({"version": "v2", "filter": {"sources": ["없다"]}}, r"nothing is left of 240 items, 240 of them with a label"),
        ({"version": "v2", "filter": {"labels": "unlabelled"}}, "nothing is left"),
        ({"version": "v2", "filter": {"rounds": [2, 5]}}, r"there is no round 5 in it. Its rounds are 1, 2"),
        ({"version": "v2", "filter": {"sample": {"n": 241}}}, "a sample of 241 is wanted, and the filter leaves 240"),
        ({"version": "v2", "filter": {"classes": ["1"], "sample": {"n": 25}}}, "the filter leaves 24 different items"),
        ({"version": "v2", "filters": {}}, "filters mean nothing beside version"),
        ({"version": "v1", "zone": "ops"}, "whose data never get into dev"),
        ({"version": "v1", "zone": "prod"}, "'prod' is no zone"),
        ({"version": {"repository": "other-dev", "zone": "dev", "version": "v1", "commit": "x"}}, "a part is of other-dev"),
    ],
)
def test_what_cannot_be_a_part(two: Any, part: Any, said: str) -> None:
    with pytest.raises(data.ReferenceFault, match=said):
        bundle(two, part)
    assert rounds.numbers(two.dev) == [1, 2] and list(two.dev.tags()) == ["v1", "v2"]


def test_ops_data_never_gets_into_dev_and_dev_alone_cannot_bundle_in_ops(two: Any) -> None:
    ref = {**data.version(two.settings, two.project, "dev", "v1"), "repository": two.ops.name, "zone": "ops"}
    with pytest.raises(data.ReferenceFault, match="never get into dev"):
        bundle(two, {"version": ref})
    made = bundle(two, {"version": "v1", "zone": "dev", "filter": {"classes": ["1"]}}, zone="ops")
    assert (made["repository"], made["version"], made["count"]) == (two.ops.name, "v1", 20)
    two.settings = two.without("ops")
    with pytest.raises(DataDenied):
        bundle(two, {"version": "v1", "zone": "dev"}, run_id="b2", zone="ops")


def test_the_same_run_gets_the_same_bundle(two: Any) -> None:
    first = bundle(two, {"version": "v2", "filter": {"classes": ["1"]}})
    assert bundle(two, {"version": "v2", "filter": {"classes": ["2"]}}) == {**first, "new": False}


@pytest.mark.parametrize("step", ["put", "commit", "merge", "tag"])
def test_killed_in_the_middle(two: Any, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(DataRepository, step, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bundle(two, {"version": "v2", "filter": {"classes": ["1"]}})
    made = bundle(two, {"version": "v2", "filter": {"classes": ["1"]}})
    assert (made["version"], made["count"]) == ("v3", 24)
    assert rounds.numbers(two.dev) == [1, 2, 3] and list(two.dev.tags()) == ["v1", "v2", "v3"]


def test_a_choice_that_was_changed_is_seen(two: Any) -> None:
    made = bundle(two, {"version": "v1", "filter": {"classes": ["1"]}})
    piece = versions.document(two.dev, made["commit"], made["version"])["pieces"][0]
    forged = {**piece, "filter": {**piece["filter"], "ids": "sha256:" + "0" * 64}}
    for read in (tables.read_piece, lambda *given: list(tables.stream_piece(*given))):
        with pytest.raises(data.IntegrityError, match="are not those that were chosen"):
            read(two.settings, forged, ["label"])


def test_streaming_gives_what_reading_gives(two: Any) -> None:
    made = bundle(two, {"version": "v1", "filter": {"sample": {"n": 77}}})
    piece = versions.document(two.dev, made["commit"], made["version"])["pieces"][0]
    names = ["key", "label", items.GROUP, "content"]
    whole = tables.read_piece(two.settings, piece, names).to_pylist()
    parts = [row for part in tables.stream_piece(two.settings, piece, names, rows=10) for row in part.to_pylist()]
    assert parts == whole and len(parts) == 77
