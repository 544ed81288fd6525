"""What an approver's answer does to the run and to the ledger."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.sdk.exceptions import AirflowFailException

from include.ledger import Ledger
from operators.release import ApprovalStepOperator

MODEL = {"name": "digits", "version": "1", "run_id": "r", "release_run_id": "rr", "data": {}}


@pytest.fixture
def release(no_connections):
    ledger = Ledger(no_connections.ledger())
    ledger.migrate()
    opened = ledger.open_release("digits", "digits.release/manual__1", ["developer"], MODEL)
    sealed = ledger.seal_release(opened.id, {"project": "digits", "package": {"a": "b"}})
    return {"id": sealed.id, "digest": sealed.digest}


@pytest.fixture
def ask(release, pushed):
    pushed["asked"] = {"digest": release["digest"], "report": None}

    def task(step: str = "approve_model") -> ApprovalStepOperator:
        return ApprovalStepOperator(
            task_id=step, project="digits", release=release, step=step, role="Approver", title="승인", timeout_minutes=1
        )

    return task


def answer(name: str, option: str = "Approve", reason: str = "봤습니다") -> dict:
    return {
        "chosen_options": [option],
        "params_input": {"reason": reason},
        "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": name, "name": name},
    }


def recorded(settings, release):
    return [(a.step, a.decision, a.by) for a in Ledger(settings.ledger()).approvals(release["id"])]


def test_two_people_say_yes(no_connections, context, ask, release):
    first = ask().execute_complete(context, answer("approver1"))
    assert (first["decision"], first["digest"], first["reason"]) == ("approved", release["digest"], "봤습니다")
    ask("approve_inference_code").execute_complete(context, answer("approver2"))
    assert recorded(no_connections, release) == [
        ("approve_model", "approved", "approver1"),
        ("approve_inference_code", "approved", "approver2"),
    ]
    assert Ledger(no_connections.ledger()).verify_audit().ok


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (answer("approver1", "Refuse", "틀렸습니다"), "refused by approver1: 틀렸습니다"),
        (answer("developer"), "an author may not approve"),
    ],
)
def test_a_no_ends_the_run(no_connections, context, ask, release, given, why):
    with pytest.raises(AirflowFailException, match=why):
        ask().execute_complete(context, given)
    assert [d for _, d, _ in recorded(no_connections, release)] == ["refused"]
    assert Ledger(no_connections.ledger()).release(release["id"]).state == "refused"


def test_one_person_twice(no_connections, context, ask, release):
    ask().execute_complete(context, answer("approver1"))
    with pytest.raises(AirflowFailException, match="each step needs another person"):
        ask("approve_inference_code").execute_complete(context, answer("approver1"))


def test_an_answer_about_something_else_counts_as_no(no_connections, context, ask, pushed):
    pushed["asked"]["digest"] = "sha256:other"
    with pytest.raises(AirflowFailException, match=r"approve_model of .* was refused by approver1: .*sha256:other"):
        ask().execute_complete(context, answer("approver1"))


def test_nobody_in_time_means_no(no_connections, context, ask, release):
    event = {"error": "no response", "error_type": "timeout"}
    with pytest.raises(AirflowFailException, match="nobody answered approve_model in time") as raised:
        ask().execute_complete(context, event)
    assert isinstance(raised.value.__cause__, HITLTimeoutError)
    assert recorded(no_connections, release)[0][:2] == ("approve_model", "refused")


def test_the_form_asks_for_a_reason_alone(ask):
    task = ask()
    assert set(task.serialized_params) == {"reason"}
    assert task.options == ["Approve", "Refuse"]
    assert task.assigned_users == [{"id": "role:Approver", "name": "Approver"}]
