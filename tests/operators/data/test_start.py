"""How data_preparation starts in the real Airflow: by its sensor, by REST, by its schedule."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from include.data import rounds, sources
from include.projects import load_project
from tests.fixtures.airflow_platform import fill
from tests.fixtures.platform import RunningPlatform

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

PREPARATION, WATCH = "watched.data_preparation", "watched.collection"


def runs(platform: RunningPlatform, dag_id: str) -> list[dict[str, Any]]:
    return platform.call("viewer", "GET", f"/dags/{dag_id}/dagRuns").json()["dag_runs"]


def test_new_data_starts_a_run_and_old_data_none(airflow_platform: RunningPlatform) -> None:
    airflow_platform.call("operator", "PATCH", f"/dags/{PREPARATION}", json={"is_paused": False})
    airflow_platform.call("operator", "PATCH", f"/dags/{WATCH}", json={"is_paused": False})
    fill(airflow_platform.settings, "watched", 0, 99)

    def state() -> str | None:
        watches = [one["dag_run_id"] for one in runs(airflow_platform, WATCH) if one["state"] == "running"]
        if not watches:
            return None
        answer = airflow_platform.call("viewer", "GET", f"/dags/{WATCH}/dagRuns/{watches[0]}/taskInstances/watch_sources")
        return answer.json()["state"] if answer.json()["state"] == "deferred" else None

    assert airflow_platform.wait(state) == "deferred"  # the triggerer waits, no worker does
    assert not [one for one in runs(airflow_platform, PREPARATION) if one["dag_run_id"].startswith("new-data-")]
    fill(airflow_platform.settings, "watched", 99, 101)

    def started() -> list[str]:
        return [one["dag_run_id"] for one in runs(airflow_platform, PREPARATION) if one["dag_run_id"].startswith("new-data-")]

    run_id = airflow_platform.wait(started)[0]
    assert airflow_platform.wait_for_run(PREPARATION, run_id) == "success"
    project = load_project("watched", airflow_platform.settings.projects_dir)
    repo = rounds.repository(airflow_platform.settings, project, "dev")
    assert rounds.describe(repo, "main", 1)["count"] == 200
    assert not sources.pending(airflow_platform.settings, project, "dev")["new"]
    # The next run watches on, and what was collected starts nothing again.
    airflow_platform.wait(lambda: len(runs(airflow_platform, WATCH)) >= 2)
    assert airflow_platform.wait(state) == "deferred" and started() == [run_id]
    fill(airflow_platform.settings, "watched", 200, 100)
    airflow_platform.wait(lambda: len(started()) == 2)
    later = next(one for one in started() if one != run_id)
    assert airflow_platform.wait_for_run(PREPARATION, later) == "success"
    assert rounds.numbers(repo) == [1, 2]
    airflow_platform.call("operator", "PATCH", f"/dags/{WATCH}", json={"is_paused": True})


def test_by_rest(airflow_platform: RunningPlatform) -> None:
    url = f"/dags/{PREPARATION}/dagRuns"
    body: dict[str, Any] = {"logical_date": None}
    for conf in ({"notes": 12}, {"notes": "길" * 2001}, {"notes": True}, {"notes": ["a"]}):
        answer = airflow_platform.call("operator", "POST", url, json={**body, "conf": conf})
        assert answer.status_code == 400 and "notes" in answer.text, answer.text
    for wrong in ({**body, "conf": "text"}, {**body, "conf": [1]}, {"conf": {}, "logical_date": "no time"}, {**body, "odd": 1}):
        assert airflow_platform.call("operator", "POST", url, json=wrong).status_code == 422
    assert airflow_platform.call("operator", "POST", "/dags/nobody.data_preparation/dagRuns", json=body).status_code == 404
    assert airflow_platform.call("viewer", "POST", url, json=body).status_code == 403
    assert httpx.post(f"{airflow_platform.airflow_url}/api/v2{url}", json=body, timeout=60).status_code == 401
    before = len(runs(airflow_platform, PREPARATION))
    airflow_platform.call("operator", "PATCH", f"/dags/{PREPARATION}", json={"is_paused": False})
    run_id = airflow_platform.trigger(PREPARATION, {"notes": "손으로 시작 🚀"})
    assert airflow_platform.wait_for_run(PREPARATION, run_id) == "success"
    assert len(runs(airflow_platform, PREPARATION)) == before + 1
    assert airflow_platform.call("operator", "POST", url, json={**body, "dag_run_id": run_id}).status_code == 409


def test_by_schedule(airflow_platform: RunningPlatform) -> None:
    def about(name: str) -> dict[str, Any]:
        return dict(airflow_platform.call("viewer", "GET", f"/dags/{name}.data_preparation").json())

    airflow_platform.wait_for_dag("daily.data_preparation")
    assert about("watched")["timetable_summary"] is None
    assert about("daily")["timetable_summary"] == "0 2 * * *" and about("daily")["next_dagrun_run_after"]
    # The last time that has passed is made up for, and no earlier one.
    airflow_platform.call("operator", "PATCH", "/dags/daily.data_preparation", json={"is_paused": False})
    made = airflow_platform.wait(lambda: runs(airflow_platform, "daily.data_preparation"))
    assert len(made) == 1 and made[0]["run_type"] == "scheduled" and made[0]["run_after"].endswith("T02:00:00Z")
    assert airflow_platform.wait_for_run("daily.data_preparation", made[0]["dag_run_id"]) == "success"
