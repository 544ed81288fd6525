"""What a person's answer about a model or an experiment does to the run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from include.projects import load_project
from include.training.errors import ConfirmationError, ExperimentError, GateError
from operators.links import ReportLink
from operators.training import AskConfirmationOperator, AskDeletionOperator, ChangeExperimentOperator, ConfirmModelOperator

FORM = {
    "version": "3",
    "confirmed": False,
    "subject": "Confirm v3?",
    "body": "| accuracy |",
    "digest": "sha256:1",
    "url": "http://m",
}


@pytest.fixture
def here(no_connections: Any, pushed: dict[str, Any]) -> dict[str, Any]:
    """Give the operators their settings, and return what the task keeps while it waits."""
    return pushed


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what Airflow was told to ask."""
    told: dict[str, Any] = {}
    monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **details: told.update(details))
    return told


def question() -> AskConfirmationOperator:
    return AskConfirmationOperator(
        task_id="ask", project="digits", model={"version": "3"}, role="Approver", timeout_minutes=5, params={"trials": 3}
    )


def deletion(action: str = "delete", typed: str = "버릴 것") -> AskDeletionOperator:
    return AskDeletionOperator(
        task_id="ask", project="digits", action=action, name="버릴 것", typed=typed, role="Approver", timeout_minutes=5
    )


def answer(option: str, reason: str = "좋다") -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {"reason": reason},
        "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": "7", "name": "approver1"},
    }


def test_the_question_shows_the_figures_and_waits(here: Any, asked: Any, context: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("include.training.confirmation_form", lambda *_: FORM)
    with pytest.raises(TaskAwaitingInput):
        question().execute(context)
    assert (asked["subject"], asked["body"], asked["options"]) == ("Confirm v3?", "| accuracy |", ["Confirm", "Reject"])
    assert set(asked["params"]) == {"reason"} and asked["defaults"] is None
    assert asked["assigned_users"] == [{"id": "role:Approver", "name": "Approver"}]
    assert here == {"asked": {"digest": "sha256:1", "report": "http://m"}} and question().retries == 0


def test_nobody_is_asked_twice_or_in_vain(here: Any, asked: Any, context: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("include.training.confirmation_form", lambda *_: {**FORM, "confirmed": True})
    assert question().execute(context) == {"version": "3", "decision": "confirm", "asked": False}

    def fail(*_: Any) -> Any:
        raise GateError("digits v3", [{"name": "accuracy", "value": 0.5, "limit": "at least 0.95", "ok": False}])

    monkeypatch.setattr("include.training.confirmation_form", fail)
    with pytest.raises(AirflowFailException, match=r"accuracy is 0\.5000, wanted at least 0\.95"):
        question().execute(context)
    assert asked == {}


@pytest.mark.parametrize(("event", "decision"), [(answer("Confirm"), "confirm"), (answer("Reject", "아직"), "reject")])
def test_the_answer_is_recorded_with_the_login(here: Any, context: Any, monkeypatch: Any, event: Any, decision: str) -> None:
    calls: list[Any] = []

    def record(settings: Any, project: Any, version: str, digest: str, given: Any, source: Any) -> dict[str, Any]:
        calls.append((version, digest, given["responded_by_user"]["name"], source["task_id"]))
        return {"version": version, "decision": decision, "by": "approver1", "why": given["params_input"]["reason"]}

    monkeypatch.setattr("include.training.record_confirmation", record)
    here["asked"] = {"digest": "sha256:1", "report": "http://m"}
    task = question()
    if decision == "confirm":
        assert task.execute_complete(context, event)["by"] == "approver1"
    else:
        with pytest.raises(AirflowFailException, match="version 3 was rejected by approver1: 아직; clear this task to ask again"):
            task.execute_complete(context, event)
    assert calls == [("3", "sha256:1", "approver1", "approve_model")] and task.report_url == "http://m"


def test_no_answer_in_time_means_no(here: Any, context: Any, monkeypatch: Any) -> None:
    calls: list[Any] = []
    record = {"version": "3", "decision": "reject", "by": "devmlops", "why": "nobody answered in time"}
    monkeypatch.setattr("include.training.record_confirmation", lambda *given: calls.append(given[4]) or record)
    with pytest.raises(AirflowFailException, match="nobody answered in time: version 3") as raised:
        question().execute_complete(context, {"error": "no response", "error_type": "timeout"})
    assert isinstance(raised.value.__cause__, HITLTimeoutError) and calls == [None]


def test_who_confirms_a_person_or_the_rule(here: Any, context: Any, monkeypatch: Any) -> None:
    calls: list[Any] = []
    made = {"card": "http://mlflow/card.html"}
    monkeypatch.setattr("include.training.confirm", lambda *given: calls.append(("rule", *given[2:])) or made)
    monkeypatch.setattr("include.training.confirm_answered", lambda *given: calls.append(("person", *given[2:])) or made)
    task = ConfirmModelOperator(task_id="c", project="digits", model={"version": "3"})
    task.execute(context)
    assert ReportLink("Model card").get_link(task, ti_key=None) == made["card"]
    ConfirmModelOperator(task_id="c", project="digits", model={"version": "3"}, decided="person").execute(context)
    assert calls == [("rule", "3", "developer"), ("person", "3", {"dag_id": "digits.release", "run_id": "manual__1"})]

    def unanswered(*_: Any) -> Any:
        raise ConfirmationError("digits v3", "the audit log has no answer")

    monkeypatch.setattr("include.training.confirm_answered", unanswered)
    with pytest.raises(AirflowFailException, match="ConfirmationError: digits v3 is not confirmed"):
        ConfirmModelOperator(task_id="c", project="digits", model={"version": "3"}, decided="person").execute(context)


def test_a_deletion_asks_and_a_creation_does_not(here: Any, asked: Any, context: Any, monkeypatch: Any) -> None:
    assert deletion("create", "").execute(context) == {"asked": False} and asked == {}
    typed: list[str] = []
    form = {"subject": "Delete?", "body": "**3 runs**", "digest": "sha256:2"}
    monkeypatch.setattr("include.training.deletion_form", lambda *given: typed.extend(given[2:]) or form)
    with pytest.raises(TaskAwaitingInput):
        deletion().execute(context)
    assert (asked["body"], asked["options"], typed, here) == (
        "**3 runs**",
        ["Delete", "Keep"],
        ["버릴 것"] * 2,
        {"asked": {"digest": "sha256:2", "report": None}},
    )

    def refuse(*_: Any) -> Any:
        raise ExperimentError("버릴 것", "it must stay: model version 1 is confirmed")

    monkeypatch.setattr("include.training.deletion_form", refuse)
    with pytest.raises(AirflowFailException, match="it must stay: model version 1 is confirmed"):
        deletion().execute(context)


def test_the_answer_about_a_deletion_decides(here: Any, context: Any, monkeypatch: Any) -> None:
    given: list[Any] = []
    record = {"decision": "keep", "by": "approver1", "why": "아직"}
    monkeypatch.setattr("include.training.record_deletion_answer", lambda *words: given.append(words[3:5]) or dict(record))
    here["asked"] = {"digest": "sha256:2", "report": None}
    with pytest.raises(AirflowFailException, match="is kept: approver1: 아직"):
        deletion().execute_complete(context, answer("Keep", "아직"))
    record["decision"] = "delete"
    assert deletion().execute_complete(context, answer("Delete"))["decision"] == "delete"
    record["decision"] = "keep"
    with pytest.raises(AirflowFailException):
        deletion().execute_complete(context, {"error": "no response", "error_type": "timeout"})
    assert [one[0] for one in given] == ["sha256:2"] * 3 and given[-1][1] is None


def test_experiments_are_changed_by_who_started_the_run(here: Any, context: Any, monkeypatch: Any) -> None:
    calls: list[Any] = []
    monkeypatch.setattr("include.training.create_experiment", lambda *given: calls.append(given[2:]) or {"new": True})
    monkeypatch.setattr("include.training.delete_answered", lambda *given: calls.append(given[2:]) or {"done": True})
    for action in ("create", "delete"):
        ChangeExperimentOperator(task_id="c", project="digits", action=action, name="큰 것", description="왜").execute(context)
    assert calls == [("큰 것", "왜", "developer"), ("큰 것", {"dag_id": "digits.release", "run_id": "manual__1"})]


def test_the_pipeline_asks_where_project_yaml_says_person(tmp_path: Any, monkeypatch: Any) -> None:
    import runpy
    import shutil
    from pathlib import Path

    root = Path(__file__).resolve().parents[3]
    without = shutil.ignore_patterns("__pycache__", ".*", "*~")  # what comes and goes while somebody works on the folder
    shutil.copytree(load_project("digits").folder, tmp_path / "digits", ignore=without)
    path = tmp_path / "digits" / "project.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    raw["training"]["confirmation"] = {"by": "person", "role": "Operator", "timeout_minutes": 30}
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    # A project that cannot be read has no pipelines, silently: here it would say why.
    assert load_project("digits", tmp_path).training.confirmation.role == "Operator"
    monkeypatch.setenv("DEVMLOPS_PROJECTS_DIR", str(tmp_path))
    dag = runpy.run_path(str(root / "dags" / "model_development.py"))["digits.model_development"]
    ask, confirm = dag.get_task("ask_confirmation"), dag.get_task("confirm_model")
    assert ask.upstream_task_ids >= {"test_model", "register_model"} and confirm.decided == "person"
    assert "ask_confirmation" in confirm.upstream_task_ids and ask.response_timeout.total_seconds() == 1800
    assert ask.assigned_users == [{"id": "role:Operator", "name": "Operator"}]
    retraining = runpy.run_path(str(root / "dags" / "retraining.py"))["digits.retraining"]
    assert retraining.get_task("confirm_model").decided == "rule"  # by its own rule
    assert not retraining.has_task("ask_confirmation")
