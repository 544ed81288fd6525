from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from include.errors import FinalError
from operators.question import Form, QuestionOperator

ANSWER = {
    "chosen_options": ["예"],
    "params_input": {"reason": ""},
    "responded_at": datetime.now(UTC),
    "responded_by_user": {"id": "1", "name": "approver1"},
}


class Refused(FinalError):
    """A rule says no."""


class Ask(QuestionOperator):
    """Ask as the test wants it."""

    def __init__(self, *, given: Any = None, **kwargs: Any) -> None:
        super().__init__(
            task_id="ask",
            project="digits",
            role="Approver",
            timeout=timedelta(hours=1),
            options=["예", "아니요"],
            subject="?",
            **kwargs,
        )
        self.given = given
        self.recorded: list[Any] = []

    def form(self, settings: Any, project: Any) -> Any:
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    def record(self, settings: Any, project: Any, digest: str, answer: Any, source: Any) -> dict[str, Any]:
        self.recorded.append((project.name, digest, answer, source["task_id"]))
        if isinstance(self.given, Exception):
            raise self.given
        if answer is None:
            raise AirflowFailException("nobody answered")
        return {"by": answer["responded_by_user"]["name"]}


@pytest.fixture
def told(no_connections: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what Airflow is told to ask."""
    found: dict[str, Any] = {}
    monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **details: found.update(details))
    return found


def test_it_waits_with_what_it_shows(told: Any, context: Any, pushed: Any) -> None:
    task = Ask(given=Form("제목", "**본문**", "sha256:1", "http://report"), params={"trials": 8})
    with pytest.raises(TaskAwaitingInput):
        task.execute(context)
    assert (told["subject"], told["body"], set(told["params"])) == ("제목", "**본문**", {"reason"})
    assert pushed["asked"] == {"digest": "sha256:1", "report": "http://report"} and task.retries == 0
    again = Ask(given=Form("", ""))  # another process goes on, which knows what was shown from there alone
    assert again.execute_complete(context, ANSWER) == {"by": "approver1"}
    assert again.recorded == [("digits", "sha256:1", ANSWER, "approve_model")] and again.report_url == "http://report"


def test_an_answer_without_a_known_question_is_about_nothing(told: Any, context: Any) -> None:
    task = Ask(given=Form("", ""))
    task.execute_complete(context, ANSWER)
    assert task.recorded[0][1] == ""


def test_nobody_is_asked_where_nothing_is_open(told: Any, context: Any) -> None:
    assert Ask(given={"asked": False}).execute(context) == {"asked": False} and told == {}


def test_what_a_rule_refuses_is_final(told: Any, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="Refused: 안 됩니다"):
        Ask(given=Refused("안 됩니다")).execute(context)
    with pytest.raises(AirflowFailException, match="Refused: 안 됩니다"):
        Ask(given=Refused("안 됩니다")).execute_complete(context, ANSWER)


def test_no_answer_in_time_is_recorded_and_told_with_its_cause(told: Any, context: Any) -> None:
    task = Ask(given=Form("", ""))
    with pytest.raises(AirflowFailException, match="nobody answered") as raised:
        task.execute_complete(context, {"error": "no response", "error_type": "timeout"})
    assert isinstance(raised.value.__cause__, HITLTimeoutError) and task.recorded[0][2] is None


def test_two_questions_share_no_field(told: Any) -> None:
    first, second = Ask(), Ask()
    assert first.params.get_param("reason") is not second.params.get_param("reason")
