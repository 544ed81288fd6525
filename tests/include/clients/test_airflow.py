"""What the client of Airflow's REST API does when Airflow refuses, stumbles, or is not there."""

from __future__ import annotations

import httpx
import pytest

from include.clients.airflow import AirflowClient, AirflowError

SECRET = "비밀-password"


@pytest.fixture
def airflow(monkeypatch):
    """A client whose HTTP is answered by `client.answers`, a list of responses or errors."""
    monkeypatch.setattr("time.sleep", lambda s: None)
    client = AirflowClient("http://127.0.0.1:9", "developer", SECRET)
    client.calls = []
    client.answers = []

    def handle(request: httpx.Request) -> httpx.Response:
        client.calls.append((request.method, request.url.path))
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": f"t{len(client.calls)}"})
        answer = client.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    client._http = httpx.Client(base_url="http://127.0.0.1:9", transport=httpx.MockTransport(handle))
    return client


def test_the_same_request_id_twice_is_one_run(airflow):
    airflow.answers = [httpx.Response(200, json={"dag_run_id": "order-1"}), httpx.Response(409, json={"detail": "exists"})]
    assert airflow.trigger("d", {}, run_id="order-1") == airflow.trigger("d", {}, run_id="order-1") == "order-1"


def test_a_refusal_is_not_tried_again_and_says_why(airflow):
    airflow.answers = [httpx.Response(400, json={"detail": "trials: 'many' is not an integer"})]
    with pytest.raises(AirflowError, match="HTTP 400: trials: 'many'") as refused:
        airflow.trigger("d", {"trials": "many"})
    assert refused.value.status == 400 and airflow.answers == []


def test_a_stumble_is_tried_again(airflow):
    airflow.answers = [httpx.Response(500, text="Database error"), httpx.ConnectError("gone"), httpx.Response(200, json={"a": 1})]
    assert airflow.call("GET", "/x") == {"a": 1}


def test_a_token_that_ran_out_is_renewed(airflow):
    airflow.answers = [
        httpx.Response(200, json={}),
        httpx.Response(401, json={"detail": "expired"}),
        httpx.Response(200, json={"b": 2}),
    ]
    airflow.call("GET", "/x")
    assert airflow.call("GET", "/x") == {"b": 2}
    assert airflow.calls.count(("POST", "/auth/token")) == 2


def test_no_answer_at_all_and_no_secret_in_the_error(airflow):
    airflow.answers = [httpx.ConnectError("refused")] * 4
    with pytest.raises(AirflowError, match="no answer: refused") as gone:
        airflow.call("GET", "/x")
    assert gone.value.status == 0 and SECRET not in str(gone.value)


def test_the_error_of_a_task_is_in_its_log(airflow):
    lines = [{"event": "Task failed", "error_detail": [{"exc_type": "GateError", "exc_value": "정확도 0.8"}]}, "plain"]
    airflow.answers = [httpx.Response(200, json={"content": lines})]
    assert airflow.log("d", "r", "t") == "Task failed\nGateError: 정확도 0.8\nplain"
