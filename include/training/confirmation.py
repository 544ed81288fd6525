"""Confirmation by a person: what stands in front of them, and what their answer does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import mlflow_client, mlflow_errors
from include.ledger import AuditEntry, Ledger, digest
from include.projects import Project
from include.settings import Settings
from include.training.confirm import ENTRIES, confirm, plain
from include.training.confirm_form import markdown
from include.training.errors import ConfirmationError, GateError, InputError
from include.training.gate import checks
from include.training.models import describe, find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

CONFIRM, REJECT = "Confirm", "Reject"
OPTIONS = (CONFIRM, REJECT)


def confirmation_form(settings: Settings, project: Project, version: str | int) -> dict[str, Any]:
    """Return what a person is asked about a model version.

    Args:
        settings: name MLflow and the ledger.
        project: whose model.
        version: a number or ``latest``.

    Returns:
        ``version``; ``confirmed``, true where it is confirmed already and nobody needs to be asked; ``subject`` and
        ``body``, Markdown; ``digest`` of the figures and the gate; ``url`` of the run in MLflow.

    Raises:
        GateError: it fails the gate, which may not be overruled: there is nothing to decide.
        InputError: no such version, or it was not evaluated.
        MlflowError: MLflow did not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"ask about {project.name} {version}"):
        about, made, asked = _state(client, project, version)
        failed = [check for check in made if not check["ok"]]
        if failed and not about["confirmed"] and not project.training.gate.may_be_overruled:
            # Nobody is asked what may not be answered with yes; this marks the version and writes why.
            confirm(settings, project, about["version"], by="devmlops", why="failed the gate, which may not be overruled")
            raise GateError(f"{project.name} v{about['version']}", made)
        body, url = markdown(settings, client, project, about, made)
    subject = f"Confirm {project.title} v{about['version']}?"
    return {
        "version": about["version"],
        "confirmed": about["confirmed"],
        "subject": subject,
        "body": body,
        "digest": asked,
        "url": url,
    }


def record_confirmation(
    settings: Settings,
    project: Project,
    version: str | int,
    asked: str,
    answer: Mapping[str, Any] | None,
    source: Mapping[str, str],
) -> dict[str, Any]:
    """Write a person's answer into the audit chain; it changes the model only when `confirm_answered` takes it up.

    Args:
        settings: name MLflow and the ledger.
        project: whose model.
        version: a number.
        asked: ``digest`` of the form that they saw.
        answer: ``chosen_options``, ``params_input`` (``reason``), ``responded_by_user`` (``id``, ``name``) and
            ``responded_at``; None where nobody answered in time, which means no.
        source: where it was asked: dag_id, run_id and task_id.

    Returns:
        ``version``, ``decision`` (``confirm`` or ``reject``), ``by`` (the log-in), ``why``, ``overrules`` (failed items of
        the gate).

    Raises:
        MlflowError, LedgerError: an engine did not answer; the answer is not recorded yet.
    """
    client, ledger = mlflow_client(settings), Ledger(settings.ledger())
    with mlflow_errors(settings, f"record the answer about {project.name} {version}"):
        about, made, now = _state(client, project, version)
    user = (answer or {}).get("responded_by_user") or {}
    by = str(user.get("name") or user.get("id") or "")
    reason = str(((answer or {}).get("params_input") or {}).get("reason") or "").strip()
    people = {name.strip().casefold() for name in (by, str(user.get("id") or "")) if name.strip()}
    problem = None
    if answer is None or not people:
        problem = "nobody answered in time"
    elif list(answer.get("chosen_options") or []) == [CONFIRM]:
        if not reason:
            problem = "no reason was given, and a confirmation needs one"
        elif about["author"].strip().casefold() in people:
            problem = f"{by} made the model: somebody else must confirm it"
        elif now != asked:
            problem = "the model was evaluated again, or its gate changed, after the question was asked"
    yes = problem is None and list((answer or {}).get("chosen_options") or []) == [CONFIRM]
    facts = {
        "version": about["version"],
        "decision": "confirm" if yes else "reject",
        "why": "; ".join(filter(None, [problem, reason])) or "no reason given",
        "overrules": [check["name"] for check in made if not check["ok"]] if yes else [],
        "asked": asked,
        "checks": plain(made),
        "source": {**source, "user_id": str(user.get("id") or ""), "responded_at": str((answer or {}).get("responded_at") or "")},
    }
    for known in _answers(ledger, project, about["version"]):
        if known.details["source"] == facts["source"] and answer is not None:
            return _record(known)  # this very answer: the task died after it was written
    return _record(ledger.audit(by or None, "model.answer", f"model {project.name}", facts))


def confirm_answered(settings: Settings, project: Project, version: str | int, source: Mapping[str, str]) -> dict[str, Any]:
    """Confirm a model version because a person said so in this very pipeline run.

    Trusts the audit chain alone, so that a question task that was marked as success confirms nothing.

    Args:
        settings: name MLflow and the ledger.
        project: whose model.
        version: a number.
        source: where it was asked: dag_id and run_id.

    Returns:
        As `include.training.confirm`.

    Raises:
        ConfirmationError: nobody answered in this run, or the last answer was no.
        GateError: it fails the gate.
    """
    client, ledger = mlflow_client(settings), Ledger(settings.ledger())
    with mlflow_errors(settings, f"confirm {project.name} {version}"):
        about, _, now = _state(client, project, version)
    if about["confirmed"]:
        return confirm(settings, project, about["version"], by="devmlops")  # finishes what was cut off, and changes nothing else
    name = f"{project.name} v{about['version']}"
    answers = [
        one
        for one in _answers(ledger, project, about["version"])
        if all(one.details["source"].get(key) == source[key] for key in ("dag_id", "run_id"))
    ]
    if not answers:
        raise ConfirmationError(name, "the audit log has no answer of a person in this run; clear the task that asks")
    last = answers[-1]
    if last.details["decision"] != "confirm":
        raise ConfirmationError(name, f"{last.actor} rejected it: {last.details['why']}")
    if last.details["asked"] != now:
        raise ConfirmationError(name, "it was evaluated again, or its gate changed, after the answer; clear the task that asks")
    why, overrule = last.details["why"], bool(last.details["overrules"])
    return confirm(settings, project, about["version"], last.actor, why, decided="person", overrule=overrule)


def _state(client: MlflowClient, project: Project, version: str | int) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """Return what is known of a version, the checks of its gate, and the digest of what a person is asked about."""
    about = describe(client, find_version(client, project, version))
    if not about["run_id"]:
        raise InputError(f"{project.name} v{about['version']} has no run: nobody can tell how good it is")
    made = checks(project, about["metrics"])
    shown = {"run_id": about["run_id"], "checks": plain(made), "metrics": {k: f"{v!r}" for k, v in about["metrics"].items()}}
    return about, made, digest(shown)


def _answers(ledger: Ledger, project: Project, version: str) -> list[AuditEntry]:
    entries = ledger.audit_entries(f"model {project.name}", ENTRIES)
    return [one for one in entries if one.action == "model.answer" and one.details["version"] == version]


def _record(entry: AuditEntry) -> dict[str, Any]:
    kept = ("version", "decision", "why", "overrules")
    return {**{name: entry.details[name] for name in kept}, "by": entry.actor}
