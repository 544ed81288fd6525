"""Who may do what, asked of a real Airflow."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.fixtures.platform import RunningPlatform

pytestmark = pytest.mark.integration

USERS = ("developer", "approver1", "operator", "viewer")


@pytest.fixture(scope="module")
def waiting(airflow_platform: RunningPlatform) -> str:
    """A run of tiny.approval whose three tasks all wait for an answer."""
    run_id = airflow_platform.trigger("tiny.approval")
    airflow_platform.wait(lambda: len(open_questions(airflow_platform, run_id)) == 3)
    return run_id


def open_questions(platform: RunningPlatform, run_id: str) -> list[dict[str, Any]]:
    answer = platform.call("viewer", "GET", f"/dags/tiny.approval/dagRuns/{run_id}/hitlDetails?response_received=false")
    return answer.json()["hitl_details"]


def respond(platform: RunningPlatform, user: str, run_id: str, task: str, choice: str = "Approve") -> int:
    path = f"/dags/tiny.approval/dagRuns/{run_id}/taskInstances/{task}/-1/hitlDetails"
    return platform.call(user, "PATCH", path, json={"chosen_options": [choice], "params_input": {}}).status_code


@pytest.mark.parametrize(("user", "code"), [("developer", 200), ("operator", 200), ("approver1", 403), ("viewer", 403)])
def test_only_developer_and_operator_start_runs(airflow_platform: RunningPlatform, user: str, code: int) -> None:
    answer = airflow_platform.call(user, "POST", "/dags/tiny.retraining/dagRuns", json={"logical_date": None, "conf": {}})
    assert answer.status_code == code


@pytest.mark.parametrize("user", USERS)
def test_everybody_reads_and_nobody_deletes_evidence_or_writes_xcoms(
    airflow_platform: RunningPlatform, user: str, waiting: str
) -> None:
    run = f"/dags/tiny.approval/dagRuns/{waiting}"
    assert airflow_platform.call(user, "GET", run).status_code == 200
    assert airflow_platform.call(user, "GET", f"{run}/hitlDetails").status_code == 200
    assert airflow_platform.call(user, "GET", "/plugins").status_code == 200
    assert airflow_platform.call(user, "DELETE", run).status_code == 403
    assert airflow_platform.call(user, "DELETE", "/dags/tiny.approval").status_code == 403
    xcom = f"{run}/taskInstances/by_role/xcomEntries"
    assert airflow_platform.call(user, "POST", xcom, json={"key": "return_value", "value": 1}).status_code == 403


@pytest.mark.parametrize("user", ["approver1", "viewer"])
def test_an_approver_and_a_viewer_change_nothing(airflow_platform: RunningPlatform, user: str, waiting: str) -> None:
    run = f"/dags/tiny.approval/dagRuns/{waiting}"
    assert airflow_platform.call(user, "PATCH", "/dags/tiny.approval", json={"is_paused": True}).status_code == 403
    assert airflow_platform.call(user, "PATCH", run, json={"state": "success"}).status_code == 403
    mark = airflow_platform.call(user, "PATCH", f"{run}/taskInstances/by_role", json={"new_state": "success"})
    assert mark.status_code == 403
    clear = {"dry_run": False, "dag_run_id": waiting, "task_ids": ["by_role"], "only_failed": False}
    assert airflow_platform.call(user, "POST", "/dags/tiny.approval/clearTaskInstances", json=clear).status_code == 403
    assert airflow_platform.call(user, "GET", "/connections").status_code == 403


@pytest.mark.parametrize(("user", "code"), [("developer", 403), ("operator", 200)])
def test_connections_are_the_operators(airflow_platform: RunningPlatform, user: str, code: int) -> None:
    assert airflow_platform.call(user, "GET", "/connections").status_code == code


def test_a_question_is_answered_by_whom_it_is_put_to(airflow_platform: RunningPlatform, waiting: str) -> None:
    for user in ("developer", "operator", "viewer"):
        assert [respond(airflow_platform, user, waiting, t) for t in ("by_role", "by_name", "by_all")] == [403] * 3
    assert respond(airflow_platform, "approver1", waiting, "by_name") == 403
    assert respond(airflow_platform, "approver2", waiting, "by_name") == 200
    assert respond(airflow_platform, "approver1", waiting, "by_role", "Reject") == 200
    assert respond(airflow_platform, "approver2", waiting, "by_role") == 409
    assert respond(airflow_platform, "approver1", waiting, "by_all") == 200
    assert airflow_platform.wait_for_run("tiny.approval", waiting) == "success"


@pytest.mark.parametrize("path", ["/api/v2/dags", "/api/v2/plugins", "/api/v2/connections", "/api/v2/eventLogs"])
def test_a_stranger_reads_nothing(airflow_platform: RunningPlatform, path: str) -> None:
    assert httpx.get(f"{airflow_platform.airflow_url}{path}").status_code == 401


def test_a_wrong_password_gives_no_token(airflow_platform: RunningPlatform) -> None:
    body = {"username": "operator", "password": "operator"}
    assert httpx.post(f"{airflow_platform.airflow_url}/auth/token", json=body, timeout=30).status_code == 401
