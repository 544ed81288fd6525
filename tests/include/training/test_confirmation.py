"""Confirmation by rule and by a person, on a real MLflow."""

from __future__ import annotations

import math
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from include.clients.mlflow import mlflow_client
from include.ledger import Ledger, LedgerError, engine
from include.ledger.models import LeaseRow
from include.management import code_of
from include.projects.training import Confirmation, Gate, Training
from include.training import confirm_answered, confirmation_form, model_info, record_confirmation
from include.training.confirm import confirm
from include.training.errors import ConfirmationError, GateError, StateError
from include.training.states import set_state, state_history
from tests.include.training.registry import gate, own_project, trained, version

SOURCE = {"dag_id": "t.model_development", "run_id": "manual__1", "task_id": "ask_confirmation"}


def answer(name: str, option: str = "Confirm", reason: str = "기준선보다 낫다", at: datetime | None = None) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {"reason": reason, "by": "somebody else"},
        "responded_at": at or datetime.now(UTC),
        "responded_by_user": {"id": name, "name": name},
    }


def entries(settings: Any, project: Any) -> list[tuple[str, str]]:
    return [(one.action, one.actor) for one in Ledger(settings.ledger()).audit_entries(f"model {project.name}")]


@pytest.mark.integration
def test_confirming_writes_who_why_old_and_new_once(settings):
    project, ledger = own_project(), Ledger(settings.ledger())
    first, second = version(settings, project), version(settings, project, 0.98)
    assert ledger.codes(project.name)[0].state == "development"
    confirm(settings, project, first, "지은", "좋다")
    done = confirm(settings, project, second, "devmlops")
    assert done["confirmed"] and model_info(settings, project, "confirmed")["version"] == second
    tags = mlflow_client(settings).get_model_version(project.name, second).tags
    assert (tags["confirmed_by"], tags["confirmed_how"], tags["confirmed_instead_of"]) == ("devmlops", "rule", first)
    assert entries(settings, project) == [("model.confirm", "지은"), ("model.confirm", "devmlops")]
    last = ledger.audit_entries(f"model {project.name}")[-1].details
    assert (last["was"], last["version"], last["why"], last["overruled"]) == (first, second, "passed the gate", [])
    code = ledger.code(project.name, code_of(project).digest)
    assert code and code.state == "confirmed" and code.by == "지은"
    # A cleared task of the older version changes nothing, and does not bring it back either.
    confirm(settings, project, first, "other", "again")
    assert model_info(settings, project, "confirmed")["version"] == second
    assert len(entries(settings, project)) == 2 and ledger.verify_audit().ok


@pytest.mark.integration
def test_a_confirmation_that_died_anywhere_is_finished(settings, monkeypatch):
    project = own_project()
    number = version(settings, project)
    writes: list[str] = []

    class Killed(BaseException):
        pass

    class Client:
        """Ends the process at the write that a test names."""

        def __init__(self, at: int) -> None:
            self.real, self.at = mlflow_client(settings), at

        def __getattr__(self, name: str) -> Any:
            target = getattr(self.real, name)

            def call(*args: Any, **kwargs: Any) -> Any:
                writes.append(name)
                if len(writes) == self.at:
                    raise Killed
                return target(*args, **kwargs)

            return call if name.startswith("set_") else target

    module = sys.modules["include.training.confirm"]
    for at in (1, 7, 8):  # the first tag, the one that says confirmed, the alias
        writes.clear()
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(module, "mlflow_client", lambda settings, at=at: Client(at))
            confirm(settings, project, number, f"person {at}", "so")
    confirm(settings, project, number, "person 9", "so")
    tags = mlflow_client(settings).get_model_version(project.name, number).tags
    assert (tags["confirmed"], tags["confirmed_by"]) == ("true", "person 1")
    assert model_info(settings, project, "confirmed")["version"] == number
    assert entries(settings, project) == [("model.confirm", "person 1")]


@pytest.mark.integration
def test_two_confirmations_at_once_wait_for_each_other(settings):
    project = own_project()
    numbers = [version(settings, project) for _ in range(3)]
    threads = [threading.Thread(target=confirm, args=(settings, project, one, "지은")) for one in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = [one.details for one in Ledger(settings.ledger()).audit_entries(f"model {project.name}")]
    assert {one["version"] for one in written} == set(numbers)
    assert [one["was"] for one in written] == [None, written[0]["version"], written[1]["version"]]
    assert model_info(settings, project, "confirmed")["version"] == written[-1]["version"]


@pytest.mark.integration
def test_who_was_too_slow_and_lost_the_lease_confirms_nothing(settings, monkeypatch):
    project = own_project()
    number = version(settings, project)
    module = sys.modules["include.training.confirm"]
    enter = module.enter_code

    def slow(*given: Any) -> Any:
        with engine.writing(settings.ledger()) as session:
            session.get_one(LeaseRow, f"model {project.name}").holder = "another process"
        return enter(*given)

    monkeypatch.setattr(module, "enter_code", slow)
    with pytest.raises(LedgerError, match="another process changes it now"):
        confirm(settings, project, number, "지은")
    assert entries(settings, project) == []


@pytest.mark.integration
def test_without_a_ledger_nothing_is_confirmed(settings, tmp_path):
    project = own_project()
    number = version(settings, project)
    with pytest.raises(LedgerError, match="not up to date"):
        confirm(settings.model_copy(update={"home": tmp_path / "other"}), project, number, "지은")
    assert not model_info(settings, project, number)["confirmed"]


@pytest.mark.integration
def test_a_person_sees_the_figures_and_confirms(settings):
    project = own_project()
    confirm(settings, project, version(settings, project, 0.955), "devmlops")
    others = [trained(settings, project, 0.99 - n / 100) for n in range(4)]
    number = version(settings, project, 0.96)
    form = confirmation_form(settings, project, number)
    assert not form["confirmed"] and "0.96 (0.94 to 0.98)" in form["body"] and "v1, confirmed last" in form["body"]
    assert all(f"best run {one[:8]}" in form["body"] for one in others[:3]) and others[3][:8] not in form["body"]
    assert (
        "passes all 4 items" in form["body"] and form["url"] in form["body"] and "/artifacts/plots/confusion.png" in form["body"]
    )
    with pytest.raises(ConfirmationError, match="has no answer of a person in this run"):
        confirm_answered(settings, project, number, SOURCE)
    given = answer("approver1")
    record = record_confirmation(settings, project, number, form["digest"], given, SOURCE)
    assert (record["decision"], record["by"], record["why"]) == ("confirm", "approver1", "기준선보다 낫다")
    assert record_confirmation(settings, project, number, form["digest"], given, SOURCE) == record  # written once
    with pytest.raises(ConfirmationError, match="no answer"):
        confirm_answered(settings, project, number, {**SOURCE, "run_id": "another"})
    assert confirm_answered(settings, project, number, SOURCE)["confirmed"]
    assert confirm_answered(settings, project, number, SOURCE)["confirmed"]
    tags = mlflow_client(settings).get_model_version(project.name, number).tags
    assert (tags["confirmed_by"], tags["confirmed_how"], tags["confirmed_why"]) == ("approver1", "person", "기준선보다 낫다")
    assert entries(settings, project)[1:] == [("model.answer", "approver1"), ("model.confirm", "approver1")]
    assert confirmation_form(settings, project, number)["confirmed"]  # nobody is asked again


@pytest.mark.integration
def test_what_is_no_yes_confirms_nothing(settings):
    project = own_project()
    number = version(settings, project)
    asked = confirmation_form(settings, project, number)["digest"]
    for given, why in (
        (answer("approver1", "Reject", "아직"), "rejected it: 아직"),
        (answer("approver1", reason="  "), "no reason was given"),
        (answer("민지"), "민지 made the model: somebody else"),
        (None, "nobody answered in time"),
    ):
        assert record_confirmation(settings, project, number, asked, given, SOURCE)["decision"] == "reject"
        with pytest.raises(ConfirmationError, match=why):
            confirm_answered(settings, project, number, SOURCE)
    assert not model_info(settings, project, number)["confirmed"]


@pytest.mark.integration
def test_a_yes_counts_for_what_was_shown(settings):
    project = own_project()
    number = version(settings, project)
    asked = confirmation_form(settings, project, number)["digest"]
    run_id = model_info(settings, project, number)["run_id"]
    record_confirmation(settings, project, number, asked, answer("approver1"), SOURCE)
    mlflow_client(settings).log_metric(run_id, "test_accuracy", 0.9601, step=1)
    with pytest.raises(ConfirmationError, match="evaluated again"):
        confirm_answered(settings, project, number, SOURCE)
    late = record_confirmation(settings, project, number, asked, answer("approver1"), SOURCE)
    assert late["decision"] == "reject" and "after the question was asked" in late["why"]


@pytest.mark.integration
def test_the_gate_holds_for_a_person_unless_it_may_be_overruled(settings):
    strict = own_project()
    number = version(settings, strict, 0.92)
    with pytest.raises(GateError, match=r"wanted at least 0\.95"):
        confirmation_form(settings, strict, number)
    assert entries(settings, strict) == [("model.refuse", "devmlops")]
    open_ = gate(strict, may_be_overruled=True)
    with pytest.raises(GateError):
        confirm(settings, open_, number, "approver1", "a rule never overrules", overrule=True)
    form = confirmation_form(settings, open_, number)
    assert "fails 1 of 4 items" in form["body"] and "| accuracy | 0.92 |" in form["body"]
    record = record_confirmation(settings, open_, number, form["digest"], answer("approver1", reason="급하다"), SOURCE)
    assert record["overrules"] == ["accuracy"]
    with pytest.raises(GateError):
        confirm_answered(settings, strict, number, SOURCE)
    assert confirm_answered(settings, open_, number, SOURCE)["confirmed"]
    tags = mlflow_client(settings).get_model_version(strict.name, number).tags
    assert (tags["confirmed_overruled"], tags["confirmed_why"]) == ("accuracy", "급하다")
    last = Ledger(settings.ledger()).audit_entries(f"model {strict.name}")[-1]
    assert last.details["overruled"] == ["accuracy"] and last.actor == "approver1"


@pytest.mark.integration
def test_a_model_that_was_not_tested_is_not_confirmed(settings):
    project = own_project()
    number = version(settings, project, tests_failed=math.nan)
    with pytest.raises(GateError, match=r"failed model tests: no model tests are recorded with this run: run test_model$"):
        confirm(settings, project, number, "지은")
    assert entries(settings, project) == [("model.refuse", "지은")] and not model_info(settings, project, number)["confirmed"]
    form = confirmation_form(settings, gate(project, may_be_overruled=True), number)
    assert "| failed model tests | no model tests are recorded with this run: run test\\_model | 0 |" in form["body"]


@pytest.mark.integration
def test_states_are_changed_one_after_the_other_and_audited(settings):
    project, ledger = own_project(), Ledger(settings.ledger())
    numbers = [version(settings, project) for _ in range(3)]
    for one in numbers:
        confirm(settings, project, one, "지은")
        set_state(settings, project, one, "dev_deployed", "operator", "staging")
    threads = [threading.Thread(target=set_state, args=(settings, project, one, "production", "운영", "go")) for one in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = {one: model_info(settings, project, one)["state"] for one in numbers}
    assert sorted(states.values()) == ["idle", "idle", "production"]
    moved = [one["why"] for number in numbers[:2] for one in state_history(settings, project, number) if one["state"] == "idle"]
    assert moved[0] == f"v{numbers[1]} went to dev_deployed"  # one at a time is in staging
    live = model_info(settings, project, "production")["version"]
    assert states[live] == "production"
    for one in numbers:
        told = state_history(settings, project, one)
        changes = [(h.get("was"), h["state"]) for h in told]
        assert changes[:2] == [(None, "training"), ("training", "dev_deployed")] and changes[-1][1] in ("idle", "production")
        assert ("idle" if one != numbers[-1] else "dev_deployed", "production") in changes
    written = [e.details for e in ledger.audit_entries(f"model {project.name}") if e.action == "model.state"]
    assert len(written) == 10 and written[-1]["state"] in ("production", "idle")
    set_state(settings, project, live, "production", "운영")
    assert len([e for e in ledger.audit_entries(f"model {project.name}") if e.action == "model.state"]) == 10
    with pytest.raises(StateError, match="from production it may go to idle"):
        set_state(settings, project, live, "dev_deployed", "운영")
    # Died after its audit entry: the next try writes the rest, and no second entry.
    ledger.audit(
        "운영", "model.state", f"model {project.name}", {"version": live, "was": "production", "state": "idle", "why": "x"}
    )
    set_state(settings, project, live, "idle", "운영", "x")
    assert len([e for e in ledger.audit_entries(f"model {project.name}") if e.action == "model.state"]) == 11
    mlflow_client(settings).set_model_version_tag(project.name, live, "state", "gone")
    with pytest.raises(StateError, match="'gone' is no state"):
        set_state(settings, project, live, "idle", "운영")


def test_what_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="a rule asks nobody"):
        Confirmation(role="Approver")
    with pytest.raises(ValueError, match="means nothing to confirmation by rule"):
        Training(gate=Gate(may_be_overruled=True))
    assert Training(gate=Gate(may_be_overruled=True), confirmation=Confirmation(by="person")).confirmation.role == "Approver"
