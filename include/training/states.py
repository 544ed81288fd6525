"""States of a model: training, dev_deployed, production, idle. MLflow keeps them, as tags and an alias."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from include.clients.mlflow import mlflow_client, mlflow_errors
from include.ledger import Ledger
from include.projects import Project
from include.settings import Settings
from include.training.errors import InputError, StateError
from include.training.models import describe, find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

State = Literal["training", "dev_deployed", "production", "idle"]
STATES: tuple[str, ...] = get_args(State)

ALLOWED: dict[str, tuple[str, ...]] = {
    "training": ("dev_deployed", "idle"),
    "dev_deployed": ("production", "idle"),
    "production": ("idle",),
    "idle": ("dev_deployed", "production"),
}
NEEDS_CONFIRMATION = ONE_AT_A_TIME = ("dev_deployed", "production")
HISTORY_CHARACTERS = 90_000  # MLflow keeps at most 100,000 in a tag of a model version


def history_entry(state: str, by: str, why: str, was: str | None = None) -> dict[str, str]:
    """Return one line of a model's history, dated now; ``was`` is the state before."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"at": at, "state": state, "by": by, "why": why, **({"was": was} if was else {})}


def history_tag(entries: list[dict[str, str]]) -> str:
    """Return the history as the text of a tag; the oldest entries go where it would grow too long."""
    while len(text := json.dumps(entries, ensure_ascii=False)) > HISTORY_CHARACTERS:
        entries = entries[1:]
    return text


def state_history(settings: Settings, project: Project, version: str | int) -> list[dict[str, str]]:
    """Return every change of a model version's state, the first one first: ``at``, ``state``, ``was``, ``by``, ``why``."""
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"read the history of {project.name} {version}"):
        return list(json.loads(find_version(client, project, version).tags.get("state_history", "[]")))


def set_state(settings: Settings, project: Project, version: str | int, state: State, by: str, why: str = "") -> dict[str, Any]:
    """Bring a model version into a state; a new one in staging or in production moves the old one there to idle.

    Two changes at once wait for each other. Running it again after it was cut off in the middle finishes the change; the
    state it is in already is fine. Every change is an audit entry too.

    Args:
        settings: name MLflow and the ledger.
        project: whose model.
        version: a number or an alias.
        state: ``dev_deployed`` (in staging), ``production`` or ``idle``.
        by: who changes it.
        why: the reason, kept in the history.

    Returns:
        As `model_info`, with ``moved_to_idle``: versions whose place it took.

    Raises:
        InputError: no such version or state.
        StateError: the change is not allowed, or the model is not confirmed.
        MlflowError: MLflow did not answer.
        LedgerError: the ledger cannot be reached, or another change takes too long.
    """
    if state not in STATES:
        raise InputError(f"no state {state!r}: a model is in one of {', '.join(STATES)}")
    client, ledger = mlflow_client(settings), Ledger(settings.ledger())
    with mlflow_errors(settings, f"set {project.name} {version} to {state}"), ledger.lease(f"model {project.name}") as hold:
        found = find_version(client, project, version)
        now, name = found.tags.get("state", "training"), f"{project.name} v{found.version}"
        if now not in ALLOWED:
            raise StateError(
                name, now, state, f"{now!r} is no state: correct the tag state in MLflow, to one of {', '.join(STATES)}"
            )
        if now != state:
            if state not in ALLOWED[now]:
                raise StateError(name, now, state, f"from {now} it may go to {' or '.join(ALLOWED[now])}")
            if state in NEEDS_CONFIRMATION and found.tags.get("confirmed") != "true":
                raise StateError(name, now, state, "it is not confirmed; confirm it first")
            hold()
            _write(client, ledger, found, state, by, why)
        moved = _settle(client, ledger, project, found, state, by)
        return {**describe(client, find_version(client, project, str(found.version))), "moved_to_idle": moved}


def _write(client: MlflowClient, ledger: Ledger, found: ModelVersion, state: str, by: str, why: str) -> None:
    """Write one change: the audit entry, the history, and last the state, which says that the others are there."""
    entries, was = json.loads(found.tags.get("state_history", "[]")), found.tags.get("state", "training")
    facts = {"version": str(found.version), "was": was, "state": state, "why": why}
    if not _noted(ledger, found, facts):
        ledger.audit(by, "model.state", f"model {found.name}", facts)
    if not entries or entries[-1]["state"] != state:
        entries.append(history_entry(state, by, why, was))
        client.set_model_version_tag(found.name, str(found.version), "state_history", history_tag(entries))
    client.set_model_version_tag(found.name, str(found.version), "state", state)


def _noted(ledger: Ledger, found: ModelVersion, facts: dict[str, str]) -> bool:
    """Tell whether a try that died after its audit entry has written it already."""
    about = [
        entry
        for entry in ledger.audit_entries(f"model {found.name}", limit=1000)
        if entry.action == "model.state" and entry.details["version"] == facts["version"]
    ]
    return bool(about) and {key: about[-1].details[key] for key in ("was", "state")} == {k: facts[k] for k in ("was", "state")}


def _settle(client: MlflowClient, ledger: Ledger, project: Project, found: ModelVersion, state: str, by: str) -> list[str]:
    """Make alias and other versions agree with the state that ``found`` has now."""
    aliased = str(client.get_registered_model(project.name).aliases.get("production")) == str(found.version)
    if state == "production" and not aliased:
        client.set_registered_model_alias(project.name, "production", str(found.version))
    elif state != "production" and aliased:
        client.delete_registered_model_alias(project.name, "production")
    if state not in ONE_AT_A_TIME:
        return []
    moved = []
    for other in client.search_model_versions(f"name='{project.name}' and tags.state='{state}'"):
        if str(other.version) != str(found.version):
            whole = find_version(client, project, str(other.version))
            _write(client, ledger, whole, "idle", by, f"v{found.version} went to {state}")
            moved.append(str(other.version))
    return moved
