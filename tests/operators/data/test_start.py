"""How data_preparation starts in the real Airflow: by its sensor, by REST, by its schedule."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from include import data
from include.data import rounds
from include.projects import load_project
from include.settings import ROOT
from tests.fixtures.platform import AIRFLOW, RunningPlatform, new_platform, remove

pytestmark = pytest.mark.integration

PREPARATION, WATCH = "watched.data_preparation", "watched.collection"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """Airflow and a data server with a project that watches its source."""
    folder = tmp_path_factory.mktemp("projects")
    document = yaml.safe_load((ROOT / "include/projects/digits/project.yaml").read_text(encoding="utf-8"))
    document["data"]["checks"], document["components"] = {"max_duplicates": 1.0}, {}
    starts = {"watched": {"sensor": True, "poll_seconds": 0.5, "min_new": 100}, "daily": {"schedule": "0 2 * * *"}}
    for name, start in starts.items():
        document["name"], document["data"]["start"] = name, start
        (folder / name).mkdir()
        (folder / name / "project.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    made = new_platform(projects_dir=folder)
    try:
        made.up(("data-server", *AIRFLOW), timeout_s=280)
        platform = RunningPlatform(made)
        platform.wait_for_dag(WATCH)
        platform.wait_for_dag(PREPARATION)
        fill(platform, 0, 0)
        yield platform
    finally:
        remove(made)


def fill(platform: RunningPlatform, begin: int, count: int) -> None:
    path = Path(platform.settings.source_url.get_secret_value().removeprefix("sqlite:///"))
    path.parent.mkdir(exist_ok=True)
    values = np.random.default_rng(begin).integers(0, 17, (count, 64), dtype=np.uint8)
    rows = [(begin + n + 1, values[n].tobytes(), n % 10, "2026-01-05T09:00:00+09:00") for n in range(count)]
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS scans (id INTEGER PRIMARY KEY, pixels BLOB, digit INTEGER, scanned_at TEXT)"
        )
        connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?)", rows)


def runs(platform: RunningPlatform, dag_id: str) -> list[dict[str, Any]]:
    return platform.call("viewer", "GET", f"/dags/{dag_id}/dagRuns").json()["dag_runs"]


def test_new_data_starts_a_run_and_old_data_none(running: RunningPlatform) -> None:
    running.call("operator", "PATCH", f"/dags/{PREPARATION}", json={"is_paused": False})
    running.call("operator", "PATCH", f"/dags/{WATCH}", json={"is_paused": False})
    fill(running, 0, 99)

    def state() -> str | None:
        watches = [one["dag_run_id"] for one in runs(running, WATCH) if one["state"] == "running"]
        if not watches:
            return None
        answer = running.call("viewer", "GET", f"/dags/{WATCH}/dagRuns/{watches[0]}/taskInstances/watch_sources")
        return answer.json()["state"] if answer.json()["state"] == "deferred" else None

    assert running.wait(state) == "deferred"  # the triggerer waits, no worker does
    assert not [one for one in runs(running, PREPARATION) if one["dag_run_id"].startswith("new-data-")]
    fill(running, 99, 101)

    def started() -> list[str]:
        return [one["dag_run_id"] for one in runs(running, PREPARATION) if one["dag_run_id"].startswith("new-data-")]

    run_id = running.wait(started)[0]
    assert running.wait_for_run(PREPARATION, run_id) == "success"
    project = load_project("watched", running.settings.projects_dir)
    repo = rounds.repository(running.settings, project, "dev")
    assert rounds.describe(repo, "main", 1)["count"] == 200
    assert not data.sources.pending(running.settings, project, "dev")["new"]
    # The next run watches on, and what was collected starts nothing again.
    running.wait(lambda: len(runs(running, WATCH)) >= 2)
    assert running.wait(state) == "deferred" and started() == [run_id]
    fill(running, 200, 100)
    running.wait(lambda: len(started()) == 2)
    later = next(one for one in started() if one != run_id)
    assert running.wait_for_run(PREPARATION, later) == "success"
    assert rounds.numbers(repo) == [1, 2]
    running.call("operator", "PATCH", f"/dags/{WATCH}", json={"is_paused": True})


def test_by_rest(running: RunningPlatform) -> None:
    url = f"/dags/{PREPARATION}/dagRuns"
    body: dict[str, Any] = {"logical_date": None}
    for conf in ({"notes": 12}, {"notes": "길" * 2001}, {"notes": None}, {"notes": ["a"]}):
        answer = running.call("operator", "POST", url, json={**body, "conf": conf})
        assert answer.status_code == 400 and "notes" in answer.text, answer.text
    for wrong in ({**body, "conf": "text"}, {**body, "conf": [1]}, {"conf": {}, "logical_date": "no time"}, {**body, "odd": 1}):
        assert running.call("operator", "POST", url, json=wrong).status_code == 422
    assert running.call("operator", "POST", "/dags/nobody.data_preparation/dagRuns", json=body).status_code == 404
    assert running.call("viewer", "POST", url, json=body).status_code == 403
    assert httpx.post(f"{running.airflow_url}/api/v2{url}", json=body, timeout=60).status_code == 401
    before = len(runs(running, PREPARATION))
    running.call("operator", "PATCH", f"/dags/{PREPARATION}", json={"is_paused": False})
    run_id = running.trigger(PREPARATION, {"notes": "손으로 시작 🚀"})
    assert running.wait_for_run(PREPARATION, run_id) == "success"
    assert len(runs(running, PREPARATION)) == before + 1
    assert running.call("operator", "POST", url, json={**body, "dag_run_id": run_id}).status_code == 409


def test_by_schedule(running: RunningPlatform) -> None:
    def about(name: str) -> dict[str, Any]:
        return dict(running.call("viewer", "GET", f"/dags/{name}.data_preparation").json())

    running.wait_for_dag("daily.data_preparation")
    assert about("watched")["timetable_summary"] is None
    assert about("daily")["timetable_summary"] == "0 2 * * *" and about("daily")["next_dagrun_run_after"]
    # The last time that has passed is made up for, and no earlier one.
    running.call("operator", "PATCH", "/dags/daily.data_preparation", json={"is_paused": False})
    made = running.wait(lambda: runs(running, "daily.data_preparation"))
    assert len(made) == 1 and made[0]["run_type"] == "scheduled" and made[0]["run_after"].endswith("T02:00:00Z")
    assert running.wait_for_run("daily.data_preparation", made[0]["dag_run_id"]) == "success"
