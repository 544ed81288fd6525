"""Labels that come in as a file: a round like any other, or nothing at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include import data
from include.clients.lakefs import DataRepository
from include.data import labelling
from include.data.errors import DataCheckError, ReferenceFault
from include.data.labelling import LabelFileError

pytestmark = pytest.mark.integration
CAT, DOG = "고양이", "개 & '새'"


def csv_file(world: Any, rows: list[tuple[str, ...]], name: str = "라벨.csv") -> str:
    text = "key,label,annotator\n" + "".join(",".join(f'"{field}"' for field in (*row, "")[:3]) + "\n" for row in rows)
    (world.settings.label_files / name).write_text(text, encoding="utf-8")
    return name


def branches(world: Any, version: dict[str, Any]) -> set[str]:
    repo = DataRepository(world.settings, version["repository"], "dev")
    return {one.id for one in repo._repository.branches()} - {"main"}


def test_a_file_makes_a_labelled_version_and_its_split(room: Any) -> None:
    world = room("classification")
    world.pictures(40)
    version = world.to_version()
    name = csv_file(world, [(f"그림-{n}.png", (CAT, DOG)[n % 2]) for n in range(40)])
    made = world.collect(world.file(version, name, "csv"))
    assert (made["kind"], made["source"], made["count"], made["labels"]) == ("labels", "label-file", 40, {CAT: 20, DOG: 20})
    assert json.loads(json.dumps(made)) == made
    assert world.collect(world.file(version, name, "csv"))["commit"] == made["commit"]
    tagged = world.finish(made)
    assert (tagged["state"], tagged["labelled"], tagged["version"]) == ("labelled", 40, "v2")
    assert data.make_split(world.settings, world.project, tagged)["counts"]["train"] > 0
    again = world.collect(world.file(version, name, "csv"))
    assert again["round"] == made["round"] and again["branch"] is None and not again["new"]
    assert not world.push(tagged)["tasks"]


def test_several_people_in_one_file(room: Any) -> None:
    world = room("classification", annotators=2)
    world.pictures(3)
    version = world.to_version()
    rows = [("그림-0", CAT, "김"), ("그림-0", CAT, "이"), ("그림-1", CAT, "김"), ("그림-1", DOG, "이"), ("그림-2", DOG, "김")]
    made = world.collect(world.file(version, csv_file(world, rows), "csv"))
    assert (made["count"], made["disputed"], made["agreement"]["mean"]) == (2, 1, 0.5)
    tagged = world.finish(made)
    assert (tagged["state"], world.labels(tagged)["그림-1.png"]) == ("refined", None)


def test_a_later_file_corrects_an_earlier_one(room: Any) -> None:
    world = room("classification")
    world.pictures(2)
    first = world.collect(world.file(world.to_version(), csv_file(world, [("그림-0", CAT), ("그림-1", CAT)]), "csv"), "one")
    version = world.finish(first)
    second = world.collect(world.file(version, csv_file(world, [("그림-1", DOG)], "2.csv"), "csv"), "two")
    assert world.labels(world.finish(second)) == {"그림-0.png": CAT, "그림-1.png": DOG}
    assert world.labels(version) == {"그림-0.png": CAT, "그림-1.png": CAT}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("그림-0", CAT), ("그림-99", CAT)], "'그림-99' is no item of"),
        ([("그림-0", "용")], "'용' is no class"),
        ([("그림-0", CAT), ("그림-0", DOG)], "two different things"),
        ([], "labels nothing"),
        ([("../../x", CAT)], "is no item of"),
        ([("😀" * 300, CAT)], "is no item of"),
    ],
)
def test_a_file_of_which_a_line_is_wrong_leaves_nothing(room: Any, rows: list[tuple[str, ...]], told: str) -> None:
    world = room("classification")
    world.pictures(2)
    version = world.to_version()
    with pytest.raises(LabelFileError, match=told) as error:
        world.collect(world.file(version, csv_file(world, rows), "csv"))
    assert len(str(error.value)) < 600
    assert branches(world, version) == set()


@pytest.mark.parametrize("name", ["../in", "/etc/passwd", "", ".", "없다.csv", "a\x00b", "x" * 300, "😀/../../in", "link.csv"])
def test_a_name_that_leads_out_is_refused(room: Any, name: str) -> None:
    world = room("classification")
    world.pictures(1)
    version = world.to_version()
    (world.settings.label_files / "link.csv").symlink_to("/etc/passwd")
    with pytest.raises(LabelFileError, match="no such file among the label files") as error:
        world.collect(world.file(version, name, "csv"))
    assert "root:" not in str(error.value)


def forged(world: Any, made: dict[str, Any], **changed: Any) -> None:
    """Put other rows in place of those of a labelled round on its branch."""
    repo = DataRepository(world.settings, made["repository"], "dev")
    path = world.folder / "forged.parquet"
    repo.fetch(made["commit"], labelling.labels_path(made["round"]), path)
    table = pq.read_table(path)
    rows = [{**row, **changed} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    repo.put(made["branch"], labelling.labels_path(made["round"]), path)
    document = json.loads(repo.get(made["commit"], f"rounds/{made['round']:06d}/round.json"))
    about = {"step": "round", **{key: document[key] for key in ("kind", "project", "source", "run_id", "digest", "count")}}
    repo.commit(made["branch"], "forged", {**about, "round": made["round"]})


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({"item_id": "f" * 64}, {"unknown_items", "repeated_items", "stored_as_collected"}),
        ({"label": "용"}, {"invalid_labels", "stored_as_collected"}),
        ({"agreement": 0.1}, {"agreement"}),
    ],
)
def test_the_checks_refuse_what_no_way_of_ours_writes(room: Any, changed: dict[str, Any], failing: set[str]) -> None:
    world = room("classification")
    world.pictures(2)
    made = world.collect(world.file(world.to_version(), csv_file(world, [("그림-0", CAT), ("그림-1", DOG)]), "csv"))
    forged(world, made, **changed)
    with pytest.raises(DataCheckError) as error:
        data.check_round(world.settings, world.project, made)
    assert {check["name"] for check in error.value.report["checks"] if not check["ok"]} == failing
    with pytest.raises(ReferenceFault, match="did not pass"):
        data.merge_round(world.settings, world.project, made)
    # Another try makes the round anew.
    again = world.collect(made["labelling"])
    assert again["new"] and data.check_round(world.settings, world.project, again)["ok"]


def test_another_run_merges_first(room: Any) -> None:
    world = room("classification")
    world.pictures(2)
    version = world.to_version()
    name = csv_file(world, [("그림-0", CAT)])
    made = world.collect(world.file(version, name, "csv"))
    data.check_round(world.settings, world.project, made)
    world.pictures(1, width=50)
    assert world.to_version("between")["version"] == "v2"
    (world.settings.label_files / name).unlink()
    merged = data.merge_round(world.settings, world.project, made)
    assert (made["round"], merged["round"], merged["count"]) == (2, 3, 1)
    tagged = data.tag_version(world.settings, world.project, merged, "", "developer")
    found = [one.label for one in labelling.version_items(world.settings, tagged)]
    assert found.count(CAT) == 1 and found.count(None) == 2


@pytest.mark.parametrize(
    ("kind", "format"), [("detection", "voc"), ("detection", "yolo"), ("segmentation", "coco"), ("tagging", "conll")]
)
def test_what_is_exported_comes_in_again(room: Any, kind: str, format: str) -> None:
    world = room(kind)
    if kind == "tagging":
        world.source([{"id": "글", "content": "김하나는 한국전자에서 일한다"}])
        label = '[{"class":"사람","end":3,"start":0},{"class":"회사 이름","end":9,"start":5}]'
    else:
        world.pictures(1)
        boxes = '[{"box":[4.0,3.0,20.0,15.0],"class":"고양이"}]'
        label = boxes if kind == "detection" else '{"masks":[{"class":"도로","counts":[30,60,1110]}],"size":[30,40]}'
    version = world.to_version()
    key = "글" if kind == "tagging" else "그림-0"
    quoted = label.replace('"', '""')
    made = world.collect(world.file(version, csv_file(world, [(key, quoted)]), "csv"), "one")
    tagged = world.finish(made)
    folder = world.settings.label_files / "나감"
    done = labelling.export_labels(world.settings, world.project, tagged, format, folder)
    assert done["items"] == 1 and done["files"] == sum(one.is_file() for one in folder.rglob("*"))
    assert not [one for one in world.settings.label_files.iterdir() if one.name.startswith(".")]
    assert [one.label for one in labelling.read_file(world.settings, world.project, world.file(tagged, "나감", format))] == [
        label
    ]
    with pytest.raises(LabelFileError, match="not empty"):
        labelling.export_labels(world.settings, world.project, tagged, format, folder)
    with pytest.raises(LabelFileError, match="nothing in it has a label"):
        labelling.export_labels(world.settings, world.project, version, format, Path(world.folder / "new"))
    assert not (world.folder / "new").exists()


def test_a_project_that_says_nothing_about_labelling(room: Any) -> None:
    world = room("classification")
    world.pictures(1)
    version = world.to_version()
    project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"labelling": None})})
    with pytest.raises(ReferenceFault, match="says nothing about labelling"):
        labelling.push(world.settings, project, version, "r", "developer")
