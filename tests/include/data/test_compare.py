"""Comparing two versions: what was added, removed, changed and relabelled, and how classes lie in both."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from include import data
from include.clients.lakefs import DataDenied
from include.data import items, rounds

pytestmark = pytest.mark.integration


def compare(world: Any, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return data.compare_versions(world.settings, world.project, first, second)


def relabel(world: Any, version: dict[str, Any], label: str, count: int) -> dict[str, Any]:
    """Give the first items of a version another label, as a label round, and return the next version."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    from include.data.labelling.round import digest_line

    table = items.read(world.dev, version["commit"], rounds.items_path(1), ["item_id"]).slice(0, count)
    ids = table["item_id"].to_pylist()
    sink = io.BytesIO()
    said = '[{"by":"민수","label":"x"}]'
    pq.write_table(pa.table({"item_id": ids, "label": [label] * count, "annotators": [said] * count}), sink)
    number = rounds.numbers(world.dev)[-1] + 1
    running = __import__("hashlib").sha256(b"".join(digest_line(one, label, said) for one in ids))
    document = {
        **rounds.describe(world.dev, "main", 1),
        **{"number": number, "kind": "labels", "source": "label-file", "run_id": f"labels {number}", "count": count},
        **{"digest": f"sha256:{running.hexdigest()}", "labels": {label: count}, "labelled": count},
    }
    branch = f"labels-{number}"
    world.dev.branch(branch)
    world.dev.put(branch, rounds.labels_path(number), sink.getvalue())
    world.dev.put(branch, rounds.round_path(number), items.dump(document))
    world.dev.commit(branch, "labels", rounds.metadata("round", document))
    commit = world.dev.merge(branch, metadata=rounds.metadata("merge", document))
    return world.tag(rounds.reference(world.dev, document, None, commit, new=True), "새 라벨")


def test_what_a_round_adds(world: Any, rows: Any) -> None:
    first = world.to_version("r1")
    world.insert(rows(200, 40))
    second = world.to_version("r2")
    found = compare(world, first, second)
    names = world.project.repositories["dev"]
    assert found["versions"] == [f"{names} v1", f"{names} v2"] and found["digests"] == [first["digest"], second["digest"]]
    assert not found["identical"] and found["items"] == [200, 240]
    assert [found[kind] for kind in ("added", "removed", "changed", "relabelled")] == [40, 0, 0, 0]
    assert found["classes"] == {str(n): [20, 24] for n in range(10)} and found["unlabelled"] == [0, 0]
    assert {name: its["items"] for name, its in found["rounds"].items()} == {
        f"{names}/000001": [200, 200],
        f"{names}/000002": [0, 40],
    }
    assert found["rounds"][f"{names}/000002"]["classes"]["3"] == [0, 4]
    assert found["sources"]["sql:scans"]["items"] == [200, 240]
    assert [one["key"] for one in found["examples"]["added"]] == ["201", "202", "203", "204", "205"]
    back = compare(world, second, first)
    assert (back["removed"], back["added"], back["classes"]["0"]) == (40, 0, [24, 20])
    same = compare(world, second, second)
    assert same["identical"] and same["examples"] == {} and same["from_to"] == {}


def test_changed_contents_keep_their_key(world: Any, rows: Any) -> None:
    section, few = world.project.data, {"max_missing_labels": 0.5, "min_rows_per_class": 0}
    changes = {
        "source": section.source.model_copy(update={"time": "scanned_at"}),
        "checks": section.checks.model_copy(update=few),
    }
    world.project = world.project.model_copy(update={"data": section.model_copy(update=changes)})
    first = world.to_version("r1")
    with sqlite3.connect(world.source) as connection:
        change = "UPDATE scans SET pixels = ?, scanned_at = '2026-02-01T00:00:00+09:00' WHERE id = ?"
        connection.executemany(change, [(row[1], row[0]) for row in rows(0, 20, seed=5)])
        connection.execute("UPDATE scans SET digit = NULL WHERE id = 1")
    second = world.to_version("r2")
    assert second["count"] == 220  # both contents of a key are there, and the last counts
    found = compare(world, first, second)
    assert found["items"] == [200, 200] and not found["identical"]
    assert [found[kind] for kind in ("added", "removed", "changed", "relabelled")] == [0, 0, 20, 0]
    example = found["examples"]["changed"][0]
    assert example["key"] == "1" and example["item_ids"][0] != example["item_ids"][1]
    assert example["labels"] == ["0", None] and found["unlabelled"] == [0, 1] and found["classes"]["0"] == [20, 19]


def test_labels_that_people_gave_since(world: Any) -> None:
    first = world.to_version("r1")
    second = relabel(world, first, "7", 10)
    found = compare(world, first, second)
    assert (found["relabelled"], found["changed"], found["added"]) == (9, 0, 0)  # one of ten is a 7 already
    assert found["classes"]["7"] == [20, 29] and found["from_to"]["0 -> 7"] == 1
    assert found["examples"]["relabelled"][0]["labels"] == ["0", "7"]


def test_labels_where_there_were_none(world: Any) -> None:
    checks = world.project.data.checks.model_copy(update={"max_missing_labels": 1.0, "min_rows_per_class": 0})
    world.project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"checks": checks})})
    with sqlite3.connect(world.source) as connection:
        connection.execute("UPDATE scans SET digit = NULL WHERE id <= 5")
    first = world.to_version("r1")
    found = compare(world, first, relabel(world, first, "7", 5))
    assert found["unlabelled"] == [5, 0] and found["from_to"] == {"none -> 7": 5} and found["relabelled"] == 5


def test_numbers_of_a_regression(world: Any, rows: Any) -> None:
    checks = world.project.data.checks.model_copy(update={"min_rows_per_class": 0})
    changed = {"task": "regression", "classes": [], "data": world.project.data.model_copy(update={"checks": checks})}
    world.project = world.project.model_copy(update=changed)
    first = world.to_version("r1")
    world.insert([(*row[:2], 100, row[3]) for row in rows(200, 20)])
    found = compare(world, first, world.to_version("r2"))
    assert found["classes"] == {} and found["numbers"]["greatest"] == [9, 100] and found["numbers"]["mean"][0] == 4.5


def test_a_bundle_and_the_version_that_it_is_of(world: Any) -> None:
    first = world.to_version("r1")
    part = {"version": first, "filter": {"classes": ["3"]}}
    bundle = data.make_bundle(world.settings, world.project, "b1", "developer", [part], zone="dev")
    found = compare(world, first, bundle)
    assert (
        found["items"] == [200, 20]
        and found["removed"] == 180
        and found["classes"] == {str(n): [20, 20 if n == 3 else 0] for n in range(10)}
    )


def test_versions_of_another_project_or_that_nobody_may_read(world: Any) -> None:
    first = world.to_version("r1")
    foreign = {**first, "repository": "somebody-dev"}
    with pytest.raises(data.ReferenceFault, match="somebody-dev v1 is no version of"):
        compare(world, first, foreign)
    ops = {**first, "repository": world.project.repositories["ops"], "zone": "ops"}
    world.settings = world.without("ops")
    with pytest.raises(DataDenied):
        compare(world, first, ops)
