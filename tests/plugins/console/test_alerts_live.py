"""An alert webhook starts retraining, once, in a real Airflow."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from include.ledger import Ledger
from tests.fixtures.platform import RunningPlatform

pytestmark = pytest.mark.integration

ALERT = {
    "status": "firing",
    "labels": {"alertname": "DataDrift", "project": "tiny"},
    "annotations": {"summary": "입력이 달라졌다"},
    "startsAt": "2026-11-20T09:00:00.5Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "c0ffee",
}


def send(platform: RunningPlatform, *alerts: dict[str, Any], token: str | None = None) -> httpx.Response:
    secret = platform.settings.webhook_token.get_secret_value() if token is None else token
    body = {"version": "4", "receiver": "devmlops", "status": "firing", "alerts": list(alerts)}
    url = f"{platform.airflow_url}/devmlops/v1/alerts/alertmanager"
    return httpx.post(url, json=body, headers={"Authorization": f"Bearer {secret}"}, timeout=60)


def test_a_firing_alert_starts_one_run_however_often_it_comes(airflow_platform: RunningPlatform) -> None:
    first, second = send(airflow_platform, ALERT), send(airflow_platform, ALERT)
    assert first.status_code == second.status_code == 200
    run = first.json()["started"][0]
    assert run == {
        "project": "tiny",
        "dag_id": "tiny.retraining",
        "run_id": "alert__c0ffee__20261120T090000",
        "alert_key": "c0ffee",
    }
    assert second.json()["started"] == []
    assert second.json()["already_started"] == [run]
    assert airflow_platform.wait_for_run("tiny.retraining", run["run_id"]) == "success"
    shown = airflow_platform.call("viewer", "GET", f"/dags/tiny.retraining/dagRuns/{run['run_id']}").json()
    assert shown["conf"] == {"reason": "DataDrift: 입력이 달라졌다", "alert_key": "c0ffee"}
    assert shown["triggering_user_name"] == "alertmanager"
    entries = Ledger(airflow_platform.settings.ledger()).audit_entries("tiny.retraining")
    assert [e.details["run_id"] for e in entries].count(run["run_id"]) == 1


def test_what_can_be_served_is_served_beside_what_cannot(airflow_platform: RunningPlatform) -> None:
    answer = send(
        airflow_platform,
        {**ALERT, "fingerprint": "one"},
        {**ALERT, "status": "resolved"},
        {**ALERT, "labels": {"project": "nobody"}},
        {**ALERT, "labels": {}},
    )
    assert answer.status_code == 200
    outcome = answer.json()
    assert [r["alert_key"] for r in outcome["started"]] == ["one"]
    assert len(outcome["ignored"]) == 1
    assert [(r["alert"], r["status"]) for r in outcome["refused"]] == [(2, 404), (3, 422)]


def test_an_alert_for_nobody_is_a_404(airflow_platform: RunningPlatform) -> None:
    answer = send(airflow_platform, {**ALERT, "labels": {"project": "nobody"}})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_project"


@pytest.mark.parametrize("token", ["wrong", "✓"])
def test_a_wrong_token_starts_nothing(airflow_platform: RunningPlatform, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode()}
    url = f"{airflow_platform.airflow_url}/devmlops/v1/alerts/alertmanager"
    answer = httpx.post(url, json={"alerts": [ALERT]}, headers=headers, timeout=30)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/openapi.json", "/v1/alerts/alertmanager"])
def test_a_stranger_finds_no_page(airflow_platform: RunningPlatform, path: str) -> None:
    assert httpx.get(f"{airflow_platform.airflow_url}/devmlops{path}").status_code in (404, 405)


def test_a_sign_of_life_is_for_everybody(airflow_platform: RunningPlatform) -> None:
    assert httpx.get(f"{airflow_platform.airflow_url}/devmlops/healthz").json() == {"status": "ok"}
