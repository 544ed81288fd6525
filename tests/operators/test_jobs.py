"""A job is followed by its task and ends with it."""

from __future__ import annotations

import json
import runpy
import sys
import threading
import time
from typing import Any

import psutil
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from include.jobs.errors import JobFailed, JobKilled
from include.jobs.registry import JOBS, check_args
from include.management import LOCAL, Environment, put_environment
from include.projects import load_project
from include.projects.environments import Environments
from include.settings import ROOT
from operators.monitoring import DriftReportOperator, FourWayOperator
from operators.pipeline import environment_param, pipeline
from operators.release import OptimiseOperator, ParityOperator, StagingTestOperator
from operators.runtimes import secrets_of, with_connection
from operators.training import (
    CompareRunsOperator,
    EvaluateOperator,
    ReproduceOperator,
    TestModelOperator,
    TrainOperator,
    TuneOperator,
)

OPERATORS = [TuneOperator, TrainOperator, EvaluateOperator, OptimiseOperator, ParityOperator, StagingTestOperator]


@pytest.mark.parametrize(
    "operator", [*OPERATORS, TestModelOperator, CompareRunsOperator, ReproduceOperator, FourWayOperator, DriftReportOperator]
)
def test_every_job_of_an_operator_exists(operator):
    assert operator.job in JOBS
    assert callable(JOBS[operator.job].load())


@pytest.mark.parametrize(
    ("operator", "fields"),
    [
        (TuneOperator, {"split": {"version": "v1"}, "trials": "3"}),
        (TrainOperator, {"split": {}, "tuned": {"best": {"params": {"a": 1}}, "parent_run_id": "p"}}),
        (EvaluateOperator, {"split": {}, "trained": {"run_id": "r"}}),
        (TestModelOperator, {"split": {}, "evaluated": {"run_id": "r"}}),
        (CompareRunsOperator, {"run_ids": '["a", "b"]', "best": "3"}),
        (ReproduceOperator, {"version": "confirmed"}),
        (OptimiseOperator, {"release": {"id": "digits-r0001", "model": {}, "release_run_id": "r"}}),
        (ParityOperator, {"release": {"id": "digits-r0001", "model": {}, "release_run_id": "r"}}),
        (StagingTestOperator, {"release": {"id": "digits-r0001", "model": {}, "release_run_id": "r"}}),
        (FourWayOperator, {"split": {}, "model": {"version": "2"}}),
        (DriftReportOperator, {"alert": {"alert_id": 1}}),
    ],
)
def test_the_arguments_fit_the_job(operator, fields, no_connections, context):
    task = operator(task_id="t", project="digits", **fields)
    check_args(task.job, JOBS[task.job].load(), task.arguments(no_connections, context))


def test_trials_may_be_left_out(no_connections, context):
    for empty in ("", None, "None"):
        assert (
            TuneOperator(task_id="t", project="digits", split={}, trials=empty).arguments(no_connections, context)["trials"]
            is None
        )


def test_a_job_that_fails_fails_its_task(no_connections, context, monkeypatch):
    task = EvaluateOperator(task_id="t", project="digits", split={"bad": 1}, trained={"run_id": "none"})
    monkeypatch.setattr(task, "arguments", lambda *given: {"unknown": 1})
    with pytest.raises((JobFailed, AirflowFailException), match=r"missing a required argument: .split"):
        task.execute(context)


def test_killing_the_task_ends_the_job(no_connections, context):
    # An unreachable MLflow makes the job wait long enough to be killed.
    task = EvaluateOperator(task_id="t", project="digits", split={}, trained={"run_id": "none"})
    found: list[BaseException] = []

    def run() -> None:
        try:
            task.execute(context)
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    end = time.monotonic() + 20
    while time.monotonic() < end and not (task._running and task._running.process):
        time.sleep(0.02)
    pid = task._running.process.pid
    task.on_kill()
    task.on_kill()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert not psutil.pid_exists(pid)
    assert isinstance(found[0], JobKilled)


def test_the_project_places_the_tasks_of_its_jobs():
    placed = {"train": {"pool": "gpus", "pool_slots": 2, "queue": "big", "priority_weight": 10}}
    with DAG("digits.placed", default_args={"placements": placed, "owner": "data-team"}):
        train = TrainOperator(task_id="train", project="digits", split={}, tuned={})
        own = TrainOperator(task_id="own", project="digits", split={}, tuned={}, priority_weight=3)
        tune = TuneOperator(task_id="tune", project="digits", split={})
    assert (train.pool, train.pool_slots, train.queue, train.priority_weight) == ("gpus", 2, "big", 10)
    assert (own.priority_weight, own.pool) == (3, "gpus")
    assert (tune.pool, tune.queue, tune.priority_weight) == ("default_pool", "default", 1)


def test_a_run_may_choose_among_what_the_project_allows():
    project = load_project("digits")
    assert environment_param(project) == {}
    several = Environments.model_validate({"default": "local", "allowed": ["gpu"], "tune": "ray"})
    param = environment_param(project.model_copy(update={"environments": several}))["environment"]
    assert param.schema["enum"] == ["", "local", "gpu", "ray"] and param.value == "" and param.schema["title"]


def test_pipelines_give_the_placements_to_their_tasks():
    several = Environments.model_validate({"train": {"environment": "gpu", "pool": "gpus", "priority": 5}})
    with pipeline(load_project("digits").model_copy(update={"environments": several}), "x", "training", "doc") as dag:
        pass
    assert dag.default_args["placements"] == {"train": {"pool": "gpus", "pool_slots": 1, "priority_weight": 5}}
    assert dag.default_args["owner"] == "data-team" and dag.default_args["retries"] == 3


def test_secrets_come_from_airflows_connections(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_HUB", json.dumps({"conn_type": "http", "host": "hub", "login": "me", "password": "s3cret"}))
    names = {"A": "connection:hub", "B": "connection:hub#login", "C": "connection:none"}
    environment = Environment(name="e", runtime="local", secrets=names)
    assert secrets_of(environment) == {"A": "s3cret", "B": "me"}


def test_an_environment_names_its_ray_cluster_by_a_connection(monkeypatch, no_connections):
    given = {"conn_type": "http", "schema": "https", "host": "ray.example.com", "port": 8265, "password": "tok"}
    monkeypatch.setenv("AIRFLOW_CONN_RAY_A100", json.dumps(given))
    found = with_connection(no_connections, Environment(name="e", runtime="ray", connection="ray_a100"))
    assert (found.ray_url, found.ray_token.get_secret_value()) == ("https://ray.example.com:8265", "tok")
    assert found.home == no_connections.home
    assert with_connection(no_connections, Environment(name="e", runtime="ray")) is no_connections


def test_a_job_that_needs_this_machine_stays_here_unless_project_yaml_places_it(no_connections, monkeypatch):
    box = Environment(name="box", runtime="docker", image="devmlops:1")
    module = sys.modules[put_environment.__module__]  # the package has a function of its name
    monkeypatch.setattr(module, "environment", lambda settings, name: LOCAL if name == "local" else box)
    told: list[str] = []

    def placed(operator: Any, wish: str = "", **places: Any) -> tuple[str, float | None]:
        wanted = {"default": {"environment": "box", "timeout_minutes": 9}, **places}
        project = load_project("digits").model_copy(update={"environments": Environments.model_validate(wanted)})
        task = operator(task_id="t", project="digits", release={}) if operator is not DriftReportOperator else None
        task = task or DriftReportOperator(task_id="t", project="digits", alert={})
        monkeypatch.setattr(task.log, "info", lambda text, *values: told.append(text % values))
        chosen = task.place(no_connections, project, wish)
        return chosen.name, chosen.timeout_minutes

    assert placed(OptimiseOperator) == ("box", 9) and told == []
    for operator, what in ((StagingTestOperator, "ledger"), (DriftReportOperator, "ledger"), (ParityOperator, "model server")):
        assert placed(operator) == placed(operator, "box") == ("local", 9)
        assert f"job {operator.job} stays in the environment local, not box: it works with the {what}" in told[-1]
    assert placed(StagingTestOperator, staging_test="box") == ("box", None), "the job itself refuses there, with what to do"


def test_a_release_may_be_told_where_its_jobs_run(monkeypatch):
    several = Environments.model_validate({"allowed": ["gpu"]})
    project = load_project("digits").model_copy(update={"environments": several})
    monkeypatch.setattr("operators.pipeline.projects", lambda **_: [project])
    made = runpy.run_path(str(ROOT / "dags" / "release.py"))["digits.release"]
    assert made.params.get_param("environment").schema["enum"] == [None, "", "local", "gpu"]
