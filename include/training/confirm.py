"""Confirmation: the gate between a trained model and a release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from include.clients.mlflow import mlflow_client, mlflow_errors
from include.ledger import AuditEntry, Ledger
from include.projects import Project
from include.settings import Settings
from include.training.card import PAGE, card_url, model_card
from include.training.code import enter_code
from include.training.errors import GateError
from include.training.gate import checks
from include.training.models import describe, find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ENTRIES = 10_000  # audit entries of one model that are looked through


def confirm(
    settings: Settings,
    project: Project,
    version: str | int,
    by: str,
    why: str = "",
    decided: Literal["rule", "person"] = "rule",
    overrule: bool = False,
) -> dict[str, Any]:
    """Put a model version through its project's gate; what passes becomes the ``confirmed`` one, and its code too.

    Two confirmations at once wait for each other. Confirming again what is confirmed changes nothing, also where another
    version was confirmed since; one that was cut off in the middle is finished.

    Args:
        settings: name MLflow and the ledger.
        project: gives the gate.
        version: a number or ``latest``.
        by: who confirms.
        why: the reason, kept with the version.
        decided: by the gate alone, or by a person who saw the figures.
        overrule: confirm also what fails the gate, where the gate says ``may_be_overruled`` and a person decided.

    Returns:
        As `model_info`, with ``checks``, and ``card``, the address of the model card.

    Raises:
        GateError: it fails; the failing figures are named, and the version is marked as refused.
        InputError: no such version, or it was not evaluated.
        MlflowError: MLflow did not answer.
        LedgerError: the ledger cannot be reached, or another confirmation takes too long.
    """
    client, ledger = mlflow_client(settings), Ledger(settings.ledger())
    with mlflow_errors(settings, f"confirm {project.name} {version}"):
        with ledger.lease(f"model {project.name}") as hold:
            found = find_version(client, project, version)
            made = checks(project, describe(client, found)["metrics"])
            all_entries = confirmations(ledger, project)
            mine = [entry for entry in all_entries if entry.details["version"] == str(found.version)]
            if not mine and found.tags.get("confirmed") != "true":
                failed = [check["name"] for check in made if not check["ok"]]
                may = overrule and decided == "person" and project.training.gate.may_be_overruled
                if failed and not may:
                    _refuse(client, ledger, found, made, by, why)
                    raise GateError(f"{project.name} v{found.version}", made)
                code = enter_code(settings, client, project, client.get_run(str(found.run_id)), by)
                facts = _facts(client, project, found, made, why, decided, failed)
                hold()
                mine = [ledger.confirm_model(project.name, by, facts, code.digest if code else None)[0]]
                all_entries = [*all_entries, *mine]
            if mine:
                _tell(client, found, mine[-1], newest=all_entries[-1] == mine[-1])
        number = str(found.version)
        if not any(one.path == PAGE for one in client.list_artifacts(str(found.run_id))) or found.tags.get("confirmed") != "true":
            model_card(settings, project, number)
        card = card_url(settings, client, str(found.run_id))
        return {**describe(client, find_version(client, project, number)), "checks": made, "card": card}


def confirmations(ledger: Ledger, project: Project) -> list[AuditEntry]:
    """Return the audit entry of each confirmation of a project's models, oldest first."""
    return [one for one in ledger.audit_entries(f"model {project.name}", ENTRIES) if one.action == "model.confirm"]


def _facts(
    client: MlflowClient,
    project: Project,
    found: ModelVersion,
    made: list[dict[str, Any]],
    why: str,
    decided: str,
    failed: list[str],
) -> dict[str, Any]:
    before = client.get_registered_model(project.name).aliases.get("confirmed")
    return {
        "version": str(found.version),
        "run_id": found.run_id,
        "why": why or "passed the gate",
        "decided": decided,
        "overruled": failed,
        "was": None if before is None else str(before),
        "checks": plain(made),
    }


def plain(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return checks of a gate as JSON: a value that is no number is None."""
    return [{**check, "value": check["value"] if check["value"] == check["value"] else None} for check in made]


def _refuse(client: MlflowClient, ledger: Ledger, found: ModelVersion, made: list[dict[str, Any]], by: str, why: str) -> None:
    subject, facts = f"model {found.name}", {"version": str(found.version), "run_id": found.run_id, "checks": plain(made)}
    known = [one for one in ledger.audit_entries(subject, ENTRIES) if one.action == "model.refuse"]
    if not any({key: one.details[key] for key in facts} == facts for one in known):
        ledger.audit(by, "model.refuse", subject, {**facts, "why": why or "failed the gate"})
    now = datetime.now(UTC).isoformat(timespec="seconds")
    said = {"confirmed_by": by, "confirmed_at": now, "confirmed_why": why or "failed the gate", "confirmed": "false"}
    for key, value in said.items():
        client.set_model_version_tag(found.name, str(found.version), key, value)


def _tell(client: MlflowClient, found: ModelVersion, entry: AuditEntry, newest: bool) -> None:
    """Make MLflow say what the audit chain says; the tag ``confirmed`` comes last, for it says that the others are there."""
    if found.tags.get("confirmed") != "true":
        said = {
            "confirmed_by": entry.actor,
            "confirmed_at": entry.at,
            "confirmed_why": entry.details["why"],
            "confirmed_how": entry.details["decided"],
            "confirmed_instead_of": entry.details["was"] or "none",
            "confirmed_overruled": ", ".join(entry.details["overruled"]) or "none",
            "confirmed": "true",
        }
        for key, value in said.items():
            client.set_model_version_tag(found.name, str(found.version), key, value)
    aliased = client.get_registered_model(found.name).aliases.get("confirmed")
    if newest and str(aliased) != str(found.version):
        client.set_registered_model_alias(found.name, "confirmed", str(found.version))
