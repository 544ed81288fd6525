"""The whole way of labels on the real Label Studio and data server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib import import_module
from typing import Any

import pytest

from include import data
from include.clients.labelling import LabellingClient, LabellingDenied, LabellingError, LabellingUnreachable
from include.clients.lakefs import DataRepository
from include.data import labelling
from include.settings import ROOT

pytestmark = pytest.mark.integration
push_module = import_module("include.data.labelling.push")
CAT, DOG = "고양이", "개 & '새'"


def test_two_people_disagree_and_agree_in_a_second_pass(room: Any, label_studio: Any) -> None:
    world = room("classification", label_studio, annotators=2, batch=100)
    world.pictures(6)
    version = world.to_version()
    assert version["state"] == "refined"
    said = {f"그림-{n}.png": (CAT, CAT) for n in range(3)} | {"그림-3.png": (DOG, DOG), "그림-4.png": (CAT, DOG)}
    pushed = world.push(version)
    assert (pushed["tasks"], pushed["new"]) == (6, 6)
    assert world.push(version)["new"] == 0
    assert world.push(version, "another run")["labelling_project"] == pushed["labelling_project"]
    tasks = label_studio.tasks(pushed["labelling_project"])
    assert set(tasks) == {f"그림-{n}.png" for n in range(6)}
    kim, lee = label_studio.person("kim@example.com"), label_studio.person("lee@example.com")
    for key, (one, other) in said.items():
        kim.choose(tasks[key], one)
        lee.choose(tasks[key], other)
    kim.choose(tasks["그림-5.png"], DOG)
    now = labelling.progress(world.settings, world.project, pushed)
    assert (now["tasks"], now["done"], now["begun"], now["ready"]) == (6, 5, 6, False)
    lee.answer(tasks["그림-5.png"], [], skip=True)
    assert labelling.progress(world.settings, world.project, pushed)["ready"]
    states = {one.item_id: one.state for one in labelling.pull(world.settings, world.project, pushed)}
    assert sorted(states.values()) == ["agreed"] * 4 + ["disputed"] * 2

    back = labelling.send_back(world.settings, world.project, pushed, "label", "developer")
    assert (back["tasks"], len(back["passes"])) == (2, 2)
    assert labelling.send_back(world.settings, world.project, pushed, "label", "developer")["new"] == 0
    again = label_studio.tasks(back["labelling_project"])
    assert set(again) == {"그림-4.png", "그림-5.png"}
    with label_studio.admin() as admin:
        shown = admin.get(f"/api/tasks/{again['그림-4.png']}").json()["predictions"]
    assert {(one["model_version"], one["result"][0]["value"]["choices"][0]) for one in shown} == {
        ("kim@example.com", CAT),
        ("lee@example.com", DOG),
    }
    park = label_studio.person("park@example.com")
    for person in (kim, park):
        person.choose(again["그림-4.png"], DOG)
    kim.choose(again["그림-5.png"], DOG)
    park.choose(again["그림-5.png"], CAT)
    assert labelling.progress(world.settings, world.project, back)["ready"]
    assert labelling.send_back(world.settings, world.project, back, "label", "developer")["tasks"] == 0

    made = world.collect(back)
    assert (made["count"], made["disputed"], made["missing"]) == (5, 1, 0)
    assert made["labels"] == {CAT: 3, DOG: 2}
    assert made["agreement"]["items"] == 5 and made["agreement"]["mean"] == 0.8
    assert [pair["people"] for pair in made["agreement"]["pairs"]] == [["kim@example.com", "lee@example.com"]]
    assert world.collect(back) == {**made, "new": False, "labelling": world.collect(back)["labelling"]}
    report = data.check_round(world.settings, world.project, made)
    assert report["ok"] and "unknown_items" in {check["name"] for check in report["checks"]}
    merged = data.merge_round(world.settings, world.project, made)
    tagged = data.tag_version(world.settings, world.project, merged, "라벨", "developer")
    found = world.labels(tagged)
    assert found == {
        **dict.fromkeys((f"그림-{n}.png" for n in range(3)), CAT),
        **dict.fromkeys((f"그림-{n}.png" for n in (3, 4)), DOG),
        "그림-5.png": None,
    }
    rows = table(world, tagged, made["round"])
    row = rows[
        next(
            one
            for one in rows
            if json.loads(rows[one]["annotators"])[0]["pass"] == 1 and len(json.loads(rows[one]["annotators"])) == 4
        )
    ]
    who = [(one["by"], one["label"], one["pass"]) for one in json.loads(row["annotators"])]
    assert who == [
        ("kim@example.com", CAT, 1),
        ("lee@example.com", DOG, 1),
        ("kim@example.com", DOG, 2),
        ("park@example.com", DOG, 2),
    ]
    repo = DataRepository(world.settings, tagged["repository"], "dev")
    assert labelling.disputed_path(made["round"]) in set(repo.list("main", "rounds/"))
    # What is left goes on in the next version, in a project of its own.
    rest = world.push(tagged, "next")
    assert rest["tasks"] == 1 and rest["labelling_project"] not in back["passes"]


def table(world: Any, version: dict[str, Any], number: int) -> dict[str, Any]:
    import io

    import pyarrow.parquet as pq

    repo = DataRepository(world.settings, version["repository"], "dev")
    found = pq.read_table(io.BytesIO(repo.get(version["commit"], labelling.labels_path(number))))
    assert tuple(found.column_names) == labelling.LABEL_COLUMNS
    return {row["item_id"]: row for row in found.to_pylist()}


def test_a_push_that_dies_goes_on_where_it_stopped(room: Any, label_studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world = room("classification", label_studio)
    world.pictures(7)
    version = world.to_version()
    monkeypatch.setattr(push_module, "PAGE", 2)
    pages = push_module.LabellingClient.import_tasks
    calls = []

    def dying(self: Any, project_id: int, tasks: Any) -> int:
        calls.append(len(tasks))
        if len(calls) == 3:
            pages(self, project_id, tasks)  # the server took it, and we died before we knew
            raise LabellingUnreachable("x", "killed", "try again")
        return pages(self, project_id, tasks)

    monkeypatch.setattr(push_module.LabellingClient, "import_tasks", dying)
    with pytest.raises(LabellingUnreachable):
        world.push(version)
    monkeypatch.setattr(push_module.LabellingClient, "import_tasks", pages)
    done = world.push(version)
    assert (done["tasks"], done["new"]) == (7, 1)
    with label_studio.admin() as admin:
        assert admin.get(f"/api/projects/{done['labelling_project']}").json()["task_number"] == 7
        # A second task, from a try that was thought dead, is taken out again; one that was answered stays.
        one = admin.get("/api/tasks", params={"project": done["labelling_project"], "include": "id,meta"}).json()["tasks"][0]
        body = [{"data": {"image": "x"}, "meta": one["meta"]}]
        admin.post(f"/api/projects/{done['labelling_project']}/import", json=body).raise_for_status()
        world.push(version)
        assert admin.get(f"/api/projects/{done['labelling_project']}").json()["task_number"] == 7


PUSH = """
import json, sys, time
from importlib import import_module
from include.projects import load_project
from include.settings import Settings
push = import_module("include.data.labelling.push")
push.PAGE = 2
pages = push.LabellingClient.import_tasks
push.LabellingClient.import_tasks = lambda *a: (pages(*a), time.sleep(0.3))[0]
settings = Settings()
push.push(settings, load_project(sys.argv[1], settings.projects_dir), json.loads(sys.argv[2]), "label", "developer")
"""


def test_a_push_that_is_killed_leaves_no_double(room: Any, label_studio: Any) -> None:
    world = room("classification", label_studio)
    world.pictures(20)
    version = world.to_version()
    environment = {**os.environ, **world.settings.environment()}
    command = [sys.executable, "-c", PUSH, world.project.name, json.dumps(version)]
    killed = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        begun = 0
        with LabellingClient(world.settings) as client:
            end = time.monotonic() + 60
            while not begun and time.monotonic() < end:
                found = list(client._pages("/api/projects", {"title": version["repository"]}))
                begun = sum(client.project(one["id"])["task_number"] or 0 for one in found)
                time.sleep(0.05)
    finally:
        killed.kill()
        killed.wait()
    done = world.push(version)
    assert 0 < begun < 20 and done["tasks"] == 20 and 0 < done["new"] < 20
    assert len(label_studio.tasks(done["labelling_project"])) == 20
    with label_studio.admin() as admin:
        assert admin.get(f"/api/projects/{done['labelling_project']}").json()["task_number"] == 20


def test_boxes_are_agreed_on_by_their_overlap(room: Any, label_studio: Any) -> None:
    world = room("detection", label_studio, annotators=2, passes=1)
    world.pictures(3)
    version = world.to_version()
    pushed = world.push(version)
    tasks = label_studio.tasks(pushed["labelling_project"])
    kim, lee = label_studio.person("kim@example.com"), label_studio.person("lee@example.com")

    def box(x: float, y: float, wide: float, high: float, name: str = "고양이") -> dict[str, Any]:
        value = {"x": x, "y": y, "width": wide, "height": high, "rotation": 0, "rectanglelabels": [name]}
        return {"from_name": "label", "to_name": "item", "type": "rectanglelabels", "value": value}

    kim.answer(tasks["그림-0.png"], [box(10, 10, 50, 50), box(70, 70, 20, 20, "자동차")])
    lee.answer(tasks["그림-0.png"], [box(10, 10, 52, 50), box(70, 70, 20, 21, "자동차")])
    kim.answer(tasks["그림-1.png"], [box(0, 0, 20, 20)])
    lee.answer(tasks["그림-1.png"], [box(60, 60, 30, 30)])
    kim.answer(tasks["그림-2.png"], [])
    lee.answer(tasks["그림-2.png"], [])
    made = world.collect(pushed)
    assert (made["count"], made["disputed"]) == (2, 1)
    version = world.finish(made)
    found = world.labels(version)
    assert found["그림-2.png"] == "[]"
    first = json.loads(found["그림-0.png"])
    assert {"box": [4.0, 3.0, 20.0, 15.0], "class": "고양이"} in first or {
        "box": [4.0, 3.0, 20.8, 15.0],
        "class": "고양이",
    } in first
    assert len(first) == 2


def test_masks_of_brush_and_polygon(room: Any, label_studio: Any) -> None:
    import numpy as np

    from include.data.labelling import masks

    world = room("segmentation", label_studio)
    world.pictures(1)
    pushed = world.push(world.to_version())
    task = label_studio.tasks(pushed["labelling_project"])["그림-0.png"]
    mask = np.zeros((30, 40), dtype=bool)
    mask[3:9, 10:20] = True
    size = {"original_width": 40, "original_height": 30}
    brush = {"format": "rle", "rle": masks.to_brush(mask), "brushlabels": ["도로"]}
    polygon = {"points": [[0, 50], [50, 50], [50, 100], [0, 100]], "polygonlabels": ["하늘"]}
    label_studio.person("kim@example.com").answer(
        task,
        [
            {"from_name": "label", "to_name": "item", "type": "brushlabels", "value": brush, **size},
            {"from_name": "polygon", "to_name": "item", "type": "polygonlabels", "value": polygon, **size},
        ],
    )
    found = json.loads(world.labels(world.finish(world.collect(pushed)))["그림-0.png"])
    assert found["size"] == [30, 40]
    by_class = {one["class"]: masks.from_counts(one["counts"], 30, 40) for one in found["masks"]}
    assert (by_class["도로"] == mask).all()
    sky = np.zeros((30, 40), dtype=bool)
    sky[15:, :20] = True
    assert (by_class["하늘"] == sky).all()


def test_tags_in_korean_with_signs_that_browsers_count_twice(room: Any, label_studio: Any) -> None:
    world = room("tagging", label_studio)
    text = "😀 김하나는 한국전자에서 일한다"
    world.source([{"id": "글-1", "content": text}, {"id": "글-2", "content": "아무도 없다"}])
    pushed = world.push(
        world.to_version(), predict=lambda contents: ['[{"class":"사람","end":5,"start":2}]', None], model="model 3"
    )
    tasks = label_studio.tasks(pushed["labelling_project"])
    with label_studio.admin() as admin:
        shown = admin.get(f"/api/tasks/{tasks['글-1']}").json()["predictions"]
    assert shown[0]["result"][0]["value"] == {"start": 2, "end": 5, "text": "김하나", "labels": ["사람"]}
    kim = label_studio.person("kim@example.com")

    def span(start: int, end: int, said: str, name: str) -> dict[str, Any]:
        value = {"start": start, "end": end, "text": said, "labels": [name]}
        return {"from_name": "label", "to_name": "item", "type": "labels", "value": value}

    # As a browser counts: the face is two units.
    kim.answer(tasks["글-1"], [span(3, 6, "김하나", "사람"), span(8, 12, "한국전자", "회사 이름")])
    kim.answer(tasks["글-2"], [])
    found = world.labels(world.finish(world.collect(pushed)))
    assert [(text[s["start"] : s["end"]], s["class"]) for s in json.loads(found["글-1"])] == [
        ("김하나", "사람"),
        ("한국전자", "회사 이름"),
    ]
    assert found["글-2"] == "[]"


@pytest.mark.parametrize("kind", ["text", "series", "question_answering"])
def test_every_interface_is_one_for_the_server(room: Any, label_studio: Any, kind: str) -> None:
    world = room(kind, label_studio)
    contents: dict[str, list[Any]] = {
        "text": ["아주 좋다 <b>&", "나쁘다"],
        "series": [[[t / 2, -t / 4] for t in range(12)], [[0.0, 1.0]] * 12],
        "question_answering": [{"context": "서울은 수도다.", "question": "수도는?"}, {"context": "비가 온다", "question": "왜?"}],
    }
    rows = [{"id": f"{n}", **(one if kind == "question_answering" else {"content": one})} for n, one in enumerate(contents[kind])]
    world.source(rows)
    pushed = world.push(world.to_version())
    tasks = label_studio.tasks(pushed["labelling_project"])
    assert set(tasks) == {"0", "1"}
    kim = label_studio.person("kim@example.com")
    if kind == "question_answering":
        value = {"start": 0, "end": 2, "text": "서울", "labels": ["answer"]}
        kim.answer(tasks["0"], [{"from_name": "label", "to_name": "item", "type": "labels", "value": value}])
        kim.answer(tasks["1"], [])
        wanted = {"0": '{"answers":[{"start":0,"text":"서울"}]}', "1": '{"answers":[]}'}
    else:
        wanted = dict(zip(("0", "1"), world.project.classes, strict=True))
        for key, name in wanted.items():
            kim.choose(tasks[key], name)
    assert world.labels(world.finish(world.collect(pushed))) == wanted


def test_answers_that_are_no_label_are_told_and_left_out(room: Any, label_studio: Any) -> None:
    world = room("classification", label_studio)
    world.pictures(3)
    pushed = world.push(world.to_version())
    tasks = label_studio.tasks(pushed["labelling_project"])
    kim = label_studio.person("kim@example.com")
    kim.choose(tasks["그림-0.png"], "용")
    kim.answer(tasks["그림-1.png"], [{"from_name": "label", "to_name": "item", "type": "choices", "value": {"x": 1}}])
    kim.choose(tasks["그림-2.png"], CAT)
    made = world.collect(pushed)
    assert made["count"] == 1 and made["invalid"]["count"] == 2
    assert "'용' is no class" in " ".join(made["invalid"]["examples"])


def test_large_files_are_uploaded_beside_the_task(room: Any, label_studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.data.labelling.contents.INLINE", 10)
    world = room("classification", label_studio)
    world.pictures(1)
    pushed = world.push(world.to_version())
    with label_studio.admin() as admin:
        task = next(iter(label_studio.tasks(pushed["labelling_project"]).values()))
        address = admin.get(f"/api/tasks/{task}").json()["data"]["image"]
        assert address.startswith("/data/upload/")
        assert admin.get(address).content.startswith(b"\x89PNG")


def test_a_server_that_dies_in_the_middle_is_a_clear_error(room: Any, label_studio: Any) -> None:
    world = room("classification", label_studio)
    world.pictures(2)
    version = world.to_version()
    pushed = world.push(version)
    kim = label_studio.person("kim@example.com")
    for task in label_studio.tasks(pushed["labelling_project"]).values():
        kim.choose(task, CAT)
    label_studio.kill()
    try:
        for call in (
            lambda: world.push(version),
            lambda: world.collect(pushed),
            lambda: labelling.progress(world.settings, world.project, pushed),
        ):
            with pytest.raises(LabellingUnreachable, match="make labelling") as told:
                call()
            assert label_studio.token not in str(told.value)
        repo = DataRepository(world.settings, version["repository"], "dev")
        assert set(repo.list("main", "rounds/", "/")) == {"rounds/000001/"}
    finally:
        label_studio.start()
    assert world.collect(pushed)["count"] == 2


def test_a_wrong_token_and_a_project_that_is_gone(room: Any, label_studio: Any) -> None:
    world = room("classification", label_studio)
    world.pictures(1)
    version = world.to_version()
    pushed = world.push(version)
    wrong = world.settings.model_copy(update={"labelling_token": type(world.settings.labelling_token)("비밀 token")})
    with pytest.raises(LabellingDenied, match="DEVMLOPS_LABELLING_TOKEN") as told:
        labelling.push(wrong, world.project, version, "r", "developer")
    assert "비밀 token" not in str(told.value)
    with label_studio.admin() as admin:
        admin.delete(f"/api/projects/{pushed['labelling_project']}")
    with pytest.raises(LabellingError, match="404"):
        labelling.progress(world.settings, world.project, pushed)
