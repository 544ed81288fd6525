"""A run's conf is checked before the run exists, by a real Airflow."""

from __future__ import annotations

import httpx
import pytest

from tests.fixtures.platform import RunningPlatform

pytestmark = pytest.mark.integration

URL = "/dags/tiny.retraining/dagRuns"


def post(platform: RunningPlatform, conf: object, user: str = "operator", dag: str = "tiny.retraining") -> httpx.Response:
    return platform.call(user, "POST", f"/dags/{dag}/dagRuns", json={"logical_date": None, "conf": conf})


def test_an_unknown_key_is_named_beside_the_known_ones(airflow_platform: RunningPlatform) -> None:
    answer = post(airflow_platform, {"reson": "typo", "alert_key": "a"})
    assert answer.status_code == 422
    assert answer.json()["unknown"] == ["reson"]
    assert answer.json()["known"] == ["alert_key", "reason"]
    assert "Did you mean reason" in answer.json()["detail"]


def test_a_wrong_value_is_named_by_airflow(airflow_platform: RunningPlatform) -> None:
    answer = post(airflow_platform, {"reason": 5})
    assert answer.status_code == 400
    assert "reason" in answer.text


def test_known_keys_and_non_ascii_values_pass(airflow_platform: RunningPlatform) -> None:
    answer = post(airflow_platform, {"reason": "재학습 ✓"})
    assert answer.status_code == 200
    assert answer.json()["conf"] == {"reason": "재학습 ✓"}


def test_other_peoples_dags_are_left_alone(airflow_platform: RunningPlatform) -> None:
    assert post(airflow_platform, {"anything": 1}, dag="tiny.stranger").status_code == 200


def test_who_may_not_start_the_run_is_told_nothing_about_it(airflow_platform: RunningPlatform) -> None:
    answer = post(airflow_platform, {"reson": 1}, user="viewer")
    assert answer.status_code == 403
    assert "alert_key" not in answer.text
    stranger = httpx.post(f"{airflow_platform.airflow_url}/api/v2{URL}", json={"logical_date": None, "conf": {"reson": 1}})
    assert stranger.status_code == 401
    assert "alert_key" not in stranger.text


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"conf": 5, "logical_date": null}', b""])
def test_a_body_that_is_none_gets_airflows_answer(airflow_platform: RunningPlatform, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {airflow_platform.token('operator')}", "Content-Type": "application/json"}
    answer = httpx.post(f"{airflow_platform.airflow_url}/api/v2{URL}", content=body, headers=headers, timeout=30)
    assert answer.status_code == 422


def test_one_request_id_starts_one_run(airflow_platform: RunningPlatform) -> None:
    run_id = airflow_platform.trigger("tiny.retraining", run_id="request-17")
    body = {"logical_date": None, "dag_run_id": run_id, "conf": {}}
    assert airflow_platform.call("operator", "POST", URL, json=body).status_code == 409
