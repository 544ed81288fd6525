"""States: where data stands, what brings it on, and that its history is what the repository says."""

from __future__ import annotations

import io
import sqlite3
from typing import Any

import pytest

from include import data
from include.data import items, rounds, states
from include.data.merge import publish
from include.data.recipes import PARTS
from include.errors import FinalError
from include.projects import load_project
from include.projects.labelling import Labelling
from include.projects.refine import RefineStep


def project_with(labelling: bool, **checks: Any) -> Any:
    base = load_project("digits")
    about = {"checks": type(base.data.checks)(**checks), "labelling": Labelling() if labelling else None}
    return base.model_copy(update={"data": base.data.model_copy(update=about)})


@pytest.mark.parametrize(
    ("labelling", "checks", "version", "collected"),
    [
        (False, {}, 0.0, 0.0),
        (False, {"max_missing_labels": 0.2}, 0.2, 0.2),
        (True, {}, 0.0, 1.0),
        (True, {"max_missing_labels": 0.2}, 0.2, 0.2),
        (True, {"max_missing_labels": 0.0}, 0.0, 0.0),
    ],
)
def test_how_many_labels_may_be_missing(labelling: bool, checks: Any, version: float, collected: float) -> None:
    project = project_with(labelling, **checks)
    assert states.may_lack(project) == version and states.may_lack(project, collected=True) == collected


def unlabel(world: Any, condition: str) -> None:
    with sqlite3.connect(world.source) as connection:
        connection.execute(f"UPDATE scans SET digit = NULL WHERE {condition}")


def people_label(world: Any, **checks: Any) -> None:
    """Let people label in the world's project."""
    limits = type(world.project.data.checks)(min_rows=10, **checks)
    world.project = world.project.model_copy(
        update={"data": world.project.data.model_copy(update={"labelling": Labelling(), "checks": limits})}
    )


def label_round(world: Any, run_id: str, labels: dict[str, str]) -> dict[str, Any]:
    """Merge a round of labels, as labelling does, and return its reference."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    repo = world.dev
    number = rounds.numbers(repo)[-1] + 1
    document = {
        "format": 1, "number": number, "kind": "labels", "state": "labelled", "project": world.project.name, "source": "people",
        "author": "labeller", "run_id": run_id, "count": len(labels), "labelled": len(labels), "bytes": 0, "labels": {},
        "digest": items.digest(labels), "high_water_marks": rounds.describe(repo, "main", number - 1)["high_water_marks"],
    }  # fmt: skip
    sink = io.BytesIO()
    pq.write_table(pa.table({"item_id": list(labels), "label": list(labels.values())}), sink)
    branch = repo.new_branch(rounds.branch_name(run_id, "people")) and rounds.branch_name(run_id, "people")
    repo.put(branch, rounds.labels_path(number), sink.getvalue())
    repo.put(branch, rounds.round_path(number), items.dump(document))
    commit = repo.commit(branch, "labels", rounds.metadata("round", document))
    merge = repo.merge(branch, "main", "labels", {**rounds.metadata("merge", document), "commit": commit})
    return rounds.reference(repo, document, None, merge, new=True)


def ids(world: Any) -> dict[str, str]:
    table = items.read(world.dev, "main", rounds.items_path(1), ["key", "item_id"])
    return dict(zip(table["key"].to_pylist(), table["item_id"].to_pylist(), strict=True))


@pytest.mark.integration
def test_a_version_is_labelled_when_enough_of_it_is(world: Any) -> None:
    unlabel(world, "id <= 3")
    people_label(world)
    version = world.to_version()
    assert version["state"] == "refined" and version["labelled"] == 197 and version["count"] == 200
    with pytest.raises(data.ReferenceFault, match="refined and not labelled: 197 of 200 items have a label") as caught:
        world.split(version)
    assert isinstance(caught.value, FinalError) and "Label it first" in str(caught.value)
    known = ids(world)

    almost = world.tag(label_round(world, "l1", {known["1"]: "7", known["2"]: "7"}))
    assert almost["state"] == "refined" and almost["labelled"] == 199
    done = world.tag(label_round(world, "l2", {known["3"]: "7", known["2"]: "8"}))
    assert done["state"] == "labelled" and done["labelled"] == done["count"] == 200
    split = world.split(done)
    parts = [world.load(split, part) for part in PARTS]
    found = {one: label for part in parts for one, label in zip(part.item_ids, part.labels, strict=True)}
    assert [found[known[key]] for key in ("1", "2", "3")] == [7, 8, 7]
    assert data.version(world.settings, world.project, "dev", "v1")["state"] == "refined"


@pytest.mark.integration
def test_nothing_labelled_is_never_a_labelled_version(world: Any) -> None:
    unlabel(world, "1")
    people_label(world, max_missing_labels=1.0)
    assert world.to_version()["state"] == "refined"


@pytest.mark.integration
def test_the_counts_of_a_version_are_those_of_its_labels(world: Any) -> None:
    unlabel(world, "id = 1")
    people_label(world, max_missing_labels=0.5)
    version = world.to_version()
    document = data.versions.document(world.dev, version["commit"], "v1")
    assert document["state"] == "labelled" and document["labelled"] == 199
    assert document["labels"] == {str(n): 20 - (n == 0) for n in range(10)}


@pytest.mark.integration
def test_history_tells_every_transition(world: Any, rows: Any) -> None:
    steps = [RefineStep(use="drop_duplicates", params={})]
    world.project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"refine": steps})})
    ref = world.collect("r1")
    data.refine_round(world.settings, world.project, ref)
    world.check(ref)
    world.split(world.tag(world.merge(ref), "첫 판"))
    publish(world.dev, "run-other", lambda _: ({"notes.json": {}}, "something else", {"kind": "notes", "run_id": "x"}))
    found = list(states.history(world.settings, world.project, "dev"))
    assert [one["state"] for one in found] == ["split", "labelled", "raw", "refined"]
    assert [one["count"] for one in found] == [200, 200, 200, 200]
    split, version, raw, refined = found
    assert split["method"] == "stratified" and split["version"] == version["version"] == "v1"
    assert "첫 판" in version["what"] and version["labelled"] == "200" and raw["round"] == refined["round"] == "1"
    assert refined["left_out"] == "0" and refined["recipe"].startswith("sha256:")
    assert all(one["by"] == "developer" and one["run_id"] == "r1" and one["at"].endswith("+00:00") for one in found)
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)


@pytest.mark.integration
def test_a_project_without_data_has_no_history(world: Any) -> None:
    world.dev.ensure()
    assert list(states.history(world.settings, world.project, "dev")) == []
