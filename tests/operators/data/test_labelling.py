"""The tasks of labelling, and their DAG."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from include import data
from include.clients.labelling import LabellingRefused, LabellingUnreachable
from include.data import labelling
from include.projects import load_project
from include.settings import Settings
from operators.data import (
    CheckRoundOperator,
    ImportLabelsOperator,
    LabellingSensor,
    MergeRoundOperator,
    PullLabelsOperator,
    PushTasksOperator,
    SendBackOperator,
    TagVersionOperator,
)
from operators.data.labelling_sensor import LabellingTrigger
from tests.include.data.labelling.conftest import Room, made_project

REF = {
    "labelling_project": 3,
    "url": "http://x/projects/3/data",
    "tasks": 4,
    "new": 4,
    "passes": [3],
    "version": {"version": "v1"},
}
CAT, DOG = "고양이", "개 & '새'"


@pytest.fixture
def project(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project without servers, whose name it returns."""
    made = made_project(tmp_path, "classification", annotators=2, poll_seconds=0.1)
    settings = Settings(home=tmp_path, projects_dir=tmp_path / "projects")
    for module in ("base", "data.labelling_sensor"):
        monkeypatch.setattr(f"operators.{module}.platform_settings", lambda: settings)
    return made.name


def first_event(trigger: LabellingTrigger) -> dict[str, Any]:
    async def one() -> dict[str, Any]:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("no event")

    return asyncio.run(asyncio.wait_for(one(), 20))


def counts(done: int) -> dict[str, Any]:
    return {"tasks": 4, "done": done, "begun": done, "answers": done, "skipped": 0, "share": done / 4, "ready": done == 4}


def test_the_trigger_survives_a_round_trip() -> None:
    path, kwargs = LabellingTrigger("digits", REF, 60.0, 1.0).serialize()
    assert json.loads(json.dumps(kwargs)) == kwargs
    module, _, name = path.rpartition(".")
    assert getattr(import_module(module), name)(**kwargs).serialize() == (path, kwargs)


def test_the_sensor_holds_no_worker(project: str, context: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        LabellingSensor(task_id="t", project=project, labelling=REF).execute(context)
    assert isinstance(deferred.value.trigger, LabellingTrigger)
    assert deferred.value.trigger.timeout_s == 14 * 24 * 3600


def test_the_trigger_outlives_a_server_that_is_gone_for_a_while(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [LabellingUnreachable("x", "no answer", "Start it"), counts(1), counts(1), counts(4)]

    def progress(*_: Any) -> dict[str, Any]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(labelling, "progress", progress)
    assert first_event(LabellingTrigger(project, REF, 10, 0.01)) == {"status": "done", "progress": counts(4)}
    assert not answers


def test_the_trigger_ends_where_nothing_will_come(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise LabellingRefused("x", "no such project", "Push again")

    monkeypatch.setattr(labelling, "progress", refused)
    event = first_event(LabellingTrigger(project, REF, 10, 0.01))
    assert event["status"] == "refused" and "no such project" in event["problem"]
    monkeypatch.setattr(labelling, "progress", lambda *_: counts(2))
    assert first_event(LabellingTrigger(project, REF, 0.05, 0.01))["status"] == "timeout"


def test_events_of_the_sensor(context: Any) -> None:
    sensor = LabellingSensor(task_id="t", project="digits", labelling=REF)
    assert sensor.resume(context, {"status": "done", "progress": counts(4)}) == {**REF, "progress": counts(4)}
    with pytest.raises(AirflowFailException, match="no such project"):
        sensor.resume(context, {"status": "refused", "problem": "no such project"})
    with pytest.raises(AirflowFailException, match=r"2 of 4 tasks are done\. Nothing is lost"):
        sensor.resume(context, {"status": "timeout", "progress": counts(2), "problem": ""})
    with pytest.raises(AirflowFailException, match="no answer"):
        sensor.resume(context, {"status": "timeout", "progress": {}, "problem": "no answer"})
    with pytest.raises(RuntimeError, match="unknown event 'odd'"):
        sensor.resume(context, {"status": "odd"})


def test_a_file_asks_nobody_and_people_need_no_file(project: str, context: Any) -> None:
    with pytest.raises(AirflowSkipException, match=r"the file a\.csv"):
        PushTasksOperator(task_id="t", project=project, file="a.csv").execute(context)
    with pytest.raises(AirflowSkipException, match="no file was named"):
        ImportLabelsOperator(task_id="t", project=project, file="").execute(context)
    imported = {"round": 2, "count": 3}
    assert PullLabelsOperator(task_id="t", project=project, labelling=[None], imported=imported).execute(context) == imported
    with pytest.raises(AirflowSkipException, match="nothing was pushed"):
        PullLabelsOperator(task_id="t", project=project, labelling=[None, None]).execute(context)


def test_the_dag_of_a_project_with_labelling(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, airflow_db: None) -> None:
    made = made_project(tmp_path, "tagging", passes=3)
    plain = load_project("digits")
    monkeypatch.setattr("operators.pipeline.projects", lambda: iter([plain, made]))
    from airflow.dag_processing.dagbag import DagBag

    from include.settings import ROOT

    bag = DagBag(str(ROOT / "dags" / "labelling.py"))
    assert bag.import_errors == {} and set(bag.dags) == {f"{made.name}.labelling"}
    dag = bag.dags[f"{made.name}.labelling"]
    assert [dag.get_task(name).task_id for name in ("send_back_2", "wait_for_pass_2", "send_back_3", "wait_for_pass_3")]
    assert dag.get_task("pull_labels").upstream_task_ids == {
        "import_labels",
        "wait_for_labels",
        "wait_for_pass_2",
        "wait_for_pass_3",
    }
    assert dag.get_task("merge_round").upstream_task_ids >= {"check_round", "pull_labels"}
    assert dag.params.get_param("format").schema["enum"] == ["conll", "csv"]


@pytest.fixture
def world(data_server: Any, label_studio: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Room:
    made = made_project(tmp_path, "classification", annotators=2, poll_seconds=0.1)
    access = {"url": data_server.url, "access_key": data_server.dev[0], "secret_key": data_server.dev[1]}
    settings = Settings(
        home=tmp_path,
        projects_dir=tmp_path / "projects",
        label_files=tmp_path / "labels",
        **{f"data_dev_{field}": value for field, value in access.items()},
        **label_studio.settings_fields,
    )
    for module in ("base", "data.labelling_sensor"):
        monkeypatch.setattr(f"operators.{module}.platform_settings", lambda: settings)
    return Room(settings, made, tmp_path)


@pytest.mark.integration
def test_from_a_refined_version_to_a_labelled_one(world: Room, label_studio: Any, context: Any) -> None:
    name = world.project.name
    world.pictures(4)
    world.to_version()
    pushed = PushTasksOperator(task_id="push", project=name).execute(context)
    assert json.loads(json.dumps(pushed)) == pushed and pushed["tasks"] == 4
    kim, lee = label_studio.person("kim@example.com"), label_studio.person("lee@example.com")
    tasks = label_studio.tasks(pushed["labelling_project"])
    for key, task in tasks.items():
        kim.choose(task, CAT)
        lee.choose(task, DOG if key == "그림-3.png" else CAT)
    event = first_event(LabellingTrigger(name, pushed, 10, 0.1))
    waited = LabellingSensor(task_id="wait", project=name, labelling=pushed).resume(context, event)
    back = SendBackOperator(task_id="back", project=name, labelling=waited).execute(context)
    assert back["tasks"] == 1
    for person in (kim, lee):
        person.choose(label_studio.tasks(back["labelling_project"])["그림-3.png"], DOG)
    with pytest.raises(AirflowSkipException, match="people agree"):
        SendBackOperator(task_id="back", project=name, labelling=back).execute(context)
    made = PullLabelsOperator(task_id="pull", project=name, labelling=[waited, back]).execute(context)
    assert made["count"] == 4 and json.loads(json.dumps(made)) == made
    assert CheckRoundOperator(task_id="check", project=name, round=made).execute(context)["ok"]
    merged = MergeRoundOperator(task_id="merge", project=name, round=made).execute(context)
    version = TagVersionOperator(task_id="tag", project=name, round=merged).execute(context)
    assert version["state"] == "labelled"
    with pytest.raises(AirflowSkipException, match="every item"):
        PushTasksOperator(task_id="push", project=name, version="v2").execute({**context, "run_id": "manual__2"})


@pytest.mark.integration
def test_a_file_of_labels(world: Room, context: Any) -> None:
    world.pictures(2)
    world.to_version()
    (world.settings.label_files).mkdir()
    (world.settings.label_files / "라벨.csv").write_text(f'key,label\n그림-0,{CAT}\n그림-1,"{DOG}"\n', encoding="utf-8")
    task = {"task_id": "import", "project": world.project.name, "format": "csv"}
    made = ImportLabelsOperator(file="라벨.csv", version="v1", **task).execute(context)
    assert (made["count"], made["source"]) == (2, "label-file")
    other = {**context, "run_id": "manual__2"}
    with pytest.raises(AirflowFailException, match=r"LabelFileError: '\.\./라벨\.csv'"):
        ImportLabelsOperator(file="../라벨.csv", **task).execute(other)
    with pytest.raises(AirflowFailException, match="holds no labels of classification"):
        ImportLabelsOperator(file="라벨.csv", **{**task, "format": "coco"}).execute(other)
    assert data.latest_version(world.settings, world.project, "dev")["version"] == "v1"


@pytest.mark.integration
def test_nothing_agreed_on_is_no_round(world: Room, label_studio: Any, context: Any) -> None:
    world.pictures(1)
    world.to_version()
    pushed = PushTasksOperator(task_id="push", project=world.project.name).execute(context)
    task = label_studio.tasks(pushed["labelling_project"])["그림-0.png"]
    label_studio.person("kim@example.com").choose(task, CAT)
    label_studio.person("lee@example.com").choose(task, DOG)
    with pytest.raises(AirflowFailException, match="nothing was agreed on: 0 labels, 1 disputed"):
        PullLabelsOperator(task_id="pull", project=world.project.name, labelling=[pushed]).execute(context)


@pytest.mark.integration
def test_the_confirmed_model_proposes(world: Room, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digits project, labelled on top of the model that it has."""
    import numpy as np

    from include import training

    digits = load_project("digits")
    asked = []

    def predict(model: Any, project: Any, contents: Any) -> Any:
        asked.append(contents.shape)
        return np.eye(10, dtype=np.float32)[contents[:, 0, 0] % 10]

    monkeypatch.setattr(training, "model_info", lambda *_: {"version": "7"})
    monkeypatch.setattr(training, "load_model", lambda *_: "model")
    monkeypatch.setattr(training, "predict", predict)
    rules = world.project.data.labelling
    project = digits.model_copy(update={"data": digits.data.model_copy(update={"labelling": rules})})
    say, name = PushTasksOperator(task_id="push", project="digits")._model(world.settings, project)
    assert name == "model 7" and say is not None
    assert say([bytes([n]) * 64 for n in (3, 15)]) == ["3", "5"] and asked == [(2, 8, 8)]

    def none(*_: Any) -> Any:
        raise training.InputError("digits has no model version 'confirmed'")

    monkeypatch.setattr(training, "model_info", none)
    assert PushTasksOperator(task_id="push", project="digits")._model(world.settings, project) == (None, "")
    assert PushTasksOperator(task_id="push", project="x")._model(world.settings, world.project) == (None, "")
