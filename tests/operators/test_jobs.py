"""A job is followed by its task and ends with it."""

from __future__ import annotations

import threading
import time

import psutil
import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.jobs.errors import JobFailed, JobKilled
from include.jobs.registry import JOBS, check_args
from operators.monitoring import DriftReportOperator, FourWayOperator
from operators.release import OptimiseOperator, ParityOperator, StagingTestOperator
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


def test_a_job_that_fails_fails_its_task(no_connections, context):
    with pytest.raises((JobFailed, AirflowFailException)):
        EvaluateOperator(task_id="t", project="digits", split={"bad": 1}, trained={"run_id": "none"}).execute(context)


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
