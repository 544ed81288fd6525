"""What a reviewer's answer does to the run and to the round."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from operators.data import ReviewRoundOperator

ROUND = {"zone": "dev", "round": 1, "branch": "run-1", "run_id": "r", "kind": "collected", "source": "x"}
FORM = {"subject": "Review round 1", "body": "**200** items", "digest": "sha256:1", "report": "http://reports/1"}


@pytest.fixture
def ask(no_connections: Any, monkeypatch: pytest.MonkeyPatch) -> ReviewRoundOperator:
    return ReviewRoundOperator(task_id="review_round", project="digits", round=ROUND, role="Developer", timeout_hours=1)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record answers as `include.data.review` would."""
    calls: list[Any] = []

    def record(settings: Any, project: Any, ref: Any, digest: str, answer: Any, source: Any) -> dict[str, Any]:
        calls.append((ref["round"], digest, answer and answer["params_input"], source["task_id"]))
        option = answer["chosen_options"][0] if answer else ""
        yes = option in ("Accept", "Back to labelling")
        return {
            "round": 1,
            "decision": "accepted" if yes else "rejected",
            "by": "reviewer" if answer else None,
            "reason": "흐림",
            "items_back": {"3": "id"} if option == "Back to labelling" else {},
        }

    monkeypatch.setattr("include.data.review.record_review", record)
    return calls


def answer(option: str, **words: Any) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {"reason": "흐림", "items": None, **words},
        "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": "7", "name": "reviewer"},
    }


def test_the_form_is_written_before_it_waits(ask: Any, context: Any, pushed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.data.review_form.review_form", lambda *_: FORM)
    asked: dict[str, Any] = {}
    monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **details: asked.update(details))
    with pytest.raises(TaskAwaitingInput):
        ask.execute(context)
    assert (asked["subject"], asked["body"]) == ("Review round 1", "**200** items")
    assert asked["options"] == ["Accept", "Reject", "Back to labelling"] and set(asked["params"]) == {"reason", "items"}
    assert asked["assigned_users"] == [{"id": "role:Developer", "name": "Developer"}] and asked["defaults"] is None
    assert pushed == {"asked": {"digest": "sha256:1", "report": "http://reports/1"}}
    assert ask.retries == 0 and ask.response_timeout.total_seconds() == 3600


@pytest.mark.parametrize(("option", "back"), [("Accept", 0), ("Back to labelling", 1)])
def test_a_yes_goes_on(ask: Any, context: Any, pushed: Any, recorded: Any, option: str, back: int) -> None:
    pushed["asked"] = {"digest": "sha256:1", "report": "http://reports/1"}
    found = ask.execute_complete(context, answer(option, items="3"))
    assert ask.report_url == "http://reports/1" and found["items_back"] == back and found["by"] == "reviewer"
    assert recorded == [(1, "sha256:1", {"reason": "흐림", "items": "3"}, "approve_model")]


def test_a_no_ends_the_run(ask: Any, context: Any, pushed: Any, recorded: Any) -> None:
    with pytest.raises(AirflowFailException, match="round 1 was rejected by reviewer: 흐림"):
        ask.execute_complete(context, answer("Reject"))


def test_time_running_out_means_no(ask: Any, context: Any, pushed: Any, recorded: Any) -> None:
    event = {"error": "no response", "error_type": "timeout"}
    with pytest.raises(AirflowFailException, match="nobody reviewed round 1 in time") as raised:
        ask.execute_complete(context, event)
    assert isinstance(raised.value.__cause__, HITLTimeoutError) and recorded[0][2] is None


def test_what_cannot_be_reviewed_is_final(ask: Any, context: Any, pushed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.data.errors import ReviewError

    def fail(*_: Any) -> Any:
        raise ReviewError("digits-dev, round 1", "it was not checked", "Run its checks first")

    monkeypatch.setattr("include.data.review_form.review_form", fail)
    with pytest.raises(AirflowFailException, match="ReviewError: digits-dev, round 1: it was not checked"):
        ask.execute(context)
    monkeypatch.setattr("include.data.review.record_review", fail)
    with pytest.raises(AirflowFailException, match="ReviewError"):
        ask.execute_complete(context, answer("Accept"))
