"""Experiments are created, chosen and deleted with what they hold; what is in use stays."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest

from include.clients.mlflow import mlflow_client
from include.ledger import Ledger
from include.training import (
    create_experiment,
    delete_answered,
    delete_experiment,
    deletion_form,
    experiments,
    record_deletion_answer,
    runs,
    what_is_lost,
)
from include.training.confirm import confirm
from include.training.errors import ExperimentError, InputError
from include.training.experiments import checked_title, find
from tests.include.training.registry import gate, own_project, trained, version

SOURCE = {"dag_id": "t.experiments", "run_id": "manual__1", "task_id": "ask_before_deletion"}


def audited(settings: Any, project: Any, title: str) -> list[str]:
    return [one.action for one in Ledger(settings.ledger()).audit_entries(f"experiment {project.name}/{title}")]


@pytest.mark.integration
def test_an_experiment_is_created_once_and_runs_go_into_it(settings):
    project, client = own_project(), mlflow_client(settings)
    made = create_experiment(settings, project, "큰  모델 ①", "채널을 늘린다", "민지")
    assert made["new"] and made["name"] == f"{project.name}/experiments/큰 모델 ①" and made["by"] == "민지"
    assert not create_experiment(settings, project, unicodedata.normalize("NFD", "큰 모델 ①"))["new"]
    trained(settings, project)
    with runs.within(client, project, "큰 모델 ①"):
        assert runs.experiment(project) == made["name"]
        trained(settings, project, 0.99)
    assert runs.experiment(project) == f"{project.name}/training"
    assert [(one.title, count, one.own) for one, count in experiments(settings, project)] == [
        ("training", 1, True),
        ("큰 모델 ①", 1, False),
    ]
    with pytest.raises(InputError, match=r"has no experiment '작은'; there are: training, 큰 모델 ①\. create it with"):
        with runs.within(client, project, "작은"):
            raise AssertionError
    with pytest.raises(ExperimentError, match="has it by itself"):
        create_experiment(settings, project, "training")
    assert audited(settings, project, "큰 모델 ①") == ["experiment.create"]


@pytest.mark.integration
def test_a_deletion_takes_runs_and_versions_and_frees_the_name(settings):
    project, client = own_project(), mlflow_client(settings)
    create_experiment(settings, project, "버릴 것")
    place = find(client, project, "버릴 것")
    number = version(settings, project, experiment=place.name)
    other = trained(settings, project, experiment=place.name)
    lost = what_is_lost(settings, project, "버릴 것")
    assert (lost["runs"], lost["versions"], lost["kinds"], lost["kept_by"]) == (2, [number], {"training": 2}, [])
    done = delete_experiment(settings, project, "버릴 것", "지은", "끝")
    assert done == {"title": "버릴 것", "id": place.id, "runs": 2, "versions": [number], "done": True}
    assert client.get_run(other).info.lifecycle_stage == "deleted"
    assert client.search_model_versions(f"name='{project.name}'") == []
    assert not delete_experiment(settings, project, "버릴 것", "지은", "again")["done"]
    assert audited(settings, project, "버릴 것") == ["experiment.create", "experiment.delete", "experiment.deleted"]
    assert create_experiment(settings, project, "버릴 것")["new"] and what_is_lost(settings, project, "버릴 것")["runs"] == 0
    with pytest.raises(InputError, match="has no experiment '없는 것'"):
        delete_experiment(settings, project, "없는 것", "지은", "x")


@pytest.mark.integration
def test_what_is_confirmed_or_released_keeps_its_experiment(settings):
    project, client = own_project(), mlflow_client(settings)
    create_experiment(settings, project, "쓰는 것")
    place = find(client, project, "쓰는 것").name
    confirmed = version(settings, project, experiment=place)
    released = version(settings, project, experiment=place)
    confirm(settings, gate(project, minimum=0.5), confirmed, "지은")
    release = Ledger(settings.ledger()).open_release(project.name, "k", ["지은"], {"version": released})
    for attempt in (
        lambda: delete_experiment(settings, project, "쓰는 것", "지은", "x"),
        lambda: deletion_form(settings, project, "쓰는 것", "쓰는 것"),
    ):
        with pytest.raises(ExperimentError, match="it must stay") as refused:
            attempt()
        assert f"model version {confirmed} is confirmed" in str(refused.value)
        assert f"model version {released} is in release {release.id}" in str(refused.value)
    assert audited(settings, project, "쓰는 것") == ["experiment.create"]
    trained(settings, project)
    with pytest.raises(ExperimentError, match="the project's own"):
        delete_experiment(settings, project, "training", "지은", "x")


@pytest.mark.integration
@pytest.mark.parametrize("dies_at", ["delete_model_version", "delete_experiment", "audit"])
def test_a_half_done_deletion_is_finished_by_the_next(settings, monkeypatch, dies_at):
    project, client = own_project(), mlflow_client(settings)
    create_experiment(settings, project, "반쪽")
    version(settings, project, experiment=find(client, project, "반쪽").name)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if dies_at == "audit":
            patch.setattr("include.training.experiments_deletion._conclude", die)
        else:
            patch.setattr(f"mlflow.MlflowClient.{dies_at}", die)
        delete_experiment(settings, project, "반쪽", "지은", "끝")
    done = delete_experiment(settings, project, "반쪽", "지은", "끝", asked="sha256:of what was there")
    assert done["done"] and done["runs"] == 1 and done["versions"] == ["1"]
    assert audited(settings, project, "반쪽") == ["experiment.create", "experiment.delete", "experiment.deleted"]
    assert [one.title for one, _ in experiments(settings, project)] == []


@pytest.mark.integration
def test_a_deletion_asks_and_does_what_was_answered(settings):
    project, client = own_project(), mlflow_client(settings)
    create_experiment(settings, project, "물어볼 것")
    place = find(client, project, "물어볼 것").name
    trained(settings, project, experiment=place)
    with pytest.raises(ExperimentError, match="type its name again"):
        deletion_form(settings, project, "물어볼 것", "물어볼")
    form = deletion_form(settings, project, "물어볼 것", " 물어볼 것 ")
    assert "**1 runs** (1 training)" in form["body"] and "no model version" in form["body"]

    def answered(option: str, reason: str, name: str = "approver1") -> dict[str, Any]:
        user = {"id": name, "name": name}
        given = {"chosen_options": [option], "params_input": {"reason": reason}, "responded_by_user": user}
        given["responded_at"] = datetime.now(UTC)
        return record_deletion_answer(settings, project, "물어볼 것", form["digest"], given, SOURCE)

    with pytest.raises(ExperimentError, match="no answer in this run"):
        delete_answered(settings, project, "물어볼 것", SOURCE)
    assert answered("Delete", " ")["decision"] == "keep"
    assert (
        record_deletion_answer(settings, project, "물어볼 것", form["digest"], None, SOURCE)["why"] == "nobody answered in time"
    )
    assert answered("Keep", "아직 필요")["decision"] == "keep"
    with pytest.raises(ExperimentError, match="approver1 said no: 아직 필요"):
        delete_answered(settings, project, "물어볼 것", SOURCE)
    assert answered("Delete", "끝났다")["decision"] == "delete"
    trained(settings, project, experiment=place)
    with pytest.raises(ExperimentError, match="holds something else now"):
        delete_answered(settings, project, "물어볼 것", SOURCE)
    form = deletion_form(settings, project, "물어볼 것", "물어볼 것")
    answered("Delete", "둘 다")
    assert delete_answered(settings, project, "물어볼 것", SOURCE)["runs"] == 2
    deleted = [e for e in Ledger(settings.ledger()).audit_entries(f"experiment {project.name}/물어볼 것") if "delete" in e.action]
    assert [(e.action, e.actor) for e in deleted] == [("experiment.delete", "approver1"), ("experiment.deleted", "approver1")]
    assert deleted[0].details["why"] == "둘 다" and len(deleted[0].details["run_ids"]) == 2


@pytest.mark.parametrize("title", ["", "  ", "a/b", "it's", "x" * 101, "줄\x00", "`a`", "100%"])
def test_a_name_that_cannot_be_kept_is_refused(title):
    with pytest.raises(InputError, match="an experiment's name has 1 to 100"):
        checked_title(title)


@pytest.mark.integration
def test_the_command_line_creates_shows_and_deletes(settings, monkeypatch, capsys):
    from include.training.__main__ import main

    project = own_project()
    monkeypatch.setenv("DEVMLOPS_HOME", str(settings.home))
    monkeypatch.setenv("DEVMLOPS_MLFLOW_URL", settings.mlflow_url)
    monkeypatch.setattr("include.training.__main__.load_project", lambda *_: project)

    def said(*words: str, code: int = 0) -> str:
        assert main(["experiments", *words]) == code
        out = capsys.readouterr()
        return out.err if code else out.out

    assert "'명령 줄' is created" in said("create", "digits", "명령 줄", "--description", "시험", "--by", "민지")
    place = find(mlflow_client(settings), project, "명령 줄").name
    worse, better = trained(settings, project, 0.8, experiment=place), trained(settings, project, 0.9, experiment=place)
    capsys.readouterr()  # MLflow's own lines
    assert "     2  " in (listed := said("list", "digits")) and "명령 줄: 시험" in listed
    shown = said("show", "digits", "명령 줄")
    assert shown.index(better) < shown.index(worse) and "would take 2 runs and no model version" in shown
    refused = said("delete", "digits", "명령 줄", "--reason", "끝", code=2)
    assert "it would take 2 runs and no model version; give its name again with --confirm" in refused
    assert "is deleted: 2 runs" in said("delete", "digits", "명령 줄", "--confirm", "명령 줄", "--reason", "끝")
    assert "was deleted before" in said("delete", "digits", "명령 줄", "--confirm", "명령 줄", "--reason", "끝")
    assert "has no experiment '명령 줄'" in said("show", "digits", "명령 줄", code=2)
