"""Airflow's servers killed in the middle of work: nothing is lost."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from tests.fixtures.platform import AIRFLOW, RunningPlatform

pytestmark = pytest.mark.integration


def running_task(platform: RunningPlatform, run_id: str) -> bool:
    tasks = platform.call("viewer", "GET", f"/dags/tiny.sleep/dagRuns/{run_id}/taskInstances").json()["task_instances"]
    return [t["state"] for t in tasks] == ["running"]


def kill(platform: RunningPlatform, name: str) -> int:
    pid = platform.platform.supervisor.programs()[name].pid
    os.kill(pid, signal.SIGKILL)
    return pid


def wait_until_healthy(platform: RunningPlatform, name: str) -> None:
    platform.wait(lambda: platform.platform.status()[name][1] is None)


def test_a_task_of_a_killed_scheduler_runs_again_and_nothing_of_it_stays(airflow_platform: RunningPlatform) -> None:
    run_id = airflow_platform.trigger("tiny.sleep", {"seconds": 8})
    airflow_platform.wait(lambda: running_task(airflow_platform, run_id))
    old = airflow_platform.platform.supervisor.programs()["scheduler"].pid
    family = [psutil.Process(old), *psutil.Process(old).children(recursive=True)]
    begin = time.monotonic()
    kill(airflow_platform, "scheduler")
    ended = airflow_platform.wait_for_run("tiny.sleep", run_id)
    assert ended == "success", airflow_platform.told("tiny.sleep", run_id)
    assert time.monotonic() - begin < 60
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("name", ["api-server", "dag-processor", "triggerer"])
def test_a_run_goes_on_when_another_server_is_killed(airflow_platform: RunningPlatform, name: str) -> None:
    run_id = airflow_platform.trigger("tiny.sleep", {"seconds": 3})
    airflow_platform.wait(lambda: running_task(airflow_platform, run_id))
    old = kill(airflow_platform, name)
    airflow_platform.wait(lambda: airflow_platform.platform.supervisor.programs()[name].pid not in (0, old))
    wait_until_healthy(airflow_platform, name)
    ended = airflow_platform.wait_for_run("tiny.sleep", run_id)
    assert ended == "success", airflow_platform.told("tiny.sleep", run_id)


def test_up_replaces_a_lost_worker(airflow_platform: RunningPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.local.start.STUCK_S", 1.0)
    wait_until_healthy(airflow_platform, "scheduler")
    scheduler = psutil.Process(airflow_platform.platform.supervisor.programs()["scheduler"].pid)
    scheduler.children()[0].kill()
    airflow_platform.wait(lambda: airflow_platform.platform.status()["scheduler"][1] == "1 of its 4 workers are gone")
    airflow_platform.platform.up(AIRFLOW)
    assert airflow_platform.wait_for_run("tiny.retraining", airflow_platform.trigger("tiny.retraining")) == "success"
