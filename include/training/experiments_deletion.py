"""Deletion of experiments with the runs that they hold and the model versions that come from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import mlflow_client, mlflow_errors
from include.ledger import AuditEntry, Ledger, digest
from include.projects import Project
from include.settings import Settings
from include.training.errors import ExperimentError, InputError
from include.training.experiments import Experiment, checked_title, find, runs_of, subject
from include.training.models import all_versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEPLOYED = ("dev_deployed", "production", "idle")
NAMED, LISTED = 1000, 20


def what_is_lost(settings: Settings, project: Project, title: str) -> dict[str, Any]:
    """Return what goes with an experiment.

    Args:
        settings: name MLflow and the ledger.
        project: whose.
        title: its name.

    Returns:
        ``title``, ``id``, ``runs`` (how many), ``running`` (how many of them still run), ``kinds`` (how many of each kind),
        ``versions`` (of the project's model that come from its runs), ``kept_by`` (why it must not go; empty where it may)
        and ``digest`` over all of it.

    Raises:
        InputError: there is no such experiment.
        MlflowError, LedgerError: an engine did not answer.
    """
    client, ledger = mlflow_client(settings), Ledger(settings.ledger())
    with mlflow_errors(settings, f"look into the experiment {title!r}"):
        return _lost(client, ledger, project, find(client, project, title))


def delete_experiment(
    settings: Settings, project: Project, title: str, by: str, why: str, asked: str | None = None
) -> dict[str, Any]:
    """Delete an experiment, its runs, and the model versions that come from them.

    An audit entry says so before and after. One that was cut off in the middle is finished by running it again; one that
    is done already is left at that.

    Args:
        settings: name MLflow and the ledger.
        project: whose.
        title: its name.
        by: who deletes it.
        why: the reason.
        asked: digest of `what_is_lost` that somebody agreed to; None where nobody was asked.

    Returns:
        ``title``, ``id``, ``runs``, ``versions``; ``done`` is false where nothing was left to do.

    Raises:
        ExperimentError: it is the project's own, or a run in it made a model version that is confirmed, was deployed or is
            in a release; or it holds something else than what was agreed to.
        InputError: there is no such experiment, and none was deleted.
        MlflowError, LedgerError: an engine did not answer; run it again.
    """
    wanted = checked_title(title)
    client, ledger = mlflow_client(settings), Ledger(settings.ledger())
    about = subject(project, wanted)
    with (
        mlflow_errors(settings, f"delete the experiment {wanted!r}"),
        ledger.lease(f"model {project.name}") as hold,  # nothing in it is confirmed meanwhile
        ledger.lease(f"experiments {project.name}"),
    ):
        begun, over = entries(ledger, about, "experiment.delete"), entries(ledger, about, "experiment.deleted")
        open_id = begun[-1].details["id"] if len(begun) > len(over) else None
        try:
            found = find(client, project, wanted)
        except InputError:
            if not begun:
                raise
            return _conclude(ledger, about, by, begun[-1], open_id is not None)
        lost = _lost(client, ledger, project, found)
        may_go(lost)
        if open_id != found.id:
            if asked is not None and asked != lost["digest"]:
                problem = "it holds something else now than what the person was shown: clear the task that asks"
                raise ExperimentError(wanted, problem)
            facts = {key: lost[key] for key in ("id", "runs", "kinds", "versions")}
            named = {"run_ids": lost["run_ids"][:NAMED], "description": found.description}
            begun = [ledger.audit(by, "experiment.delete", about, {**facts, **named, "why": why})]
        for version in lost["versions"]:
            hold()
            client.delete_model_version(project.name, version)
        hold()
        if "(deleted " not in found.name:  # the name becomes free for another one
            client.rename_experiment(found.id, f"{found.name} (deleted {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC)")
        client.delete_experiment(found.id)
        return _conclude(ledger, about, by, begun[-1], True)


def _conclude(ledger: Ledger, about: str, by: str, begun: AuditEntry, open_: bool) -> dict[str, Any]:
    kept = {key: begun.details[key] for key in ("id", "runs", "versions")}
    if open_:
        ledger.audit(by, "experiment.deleted", about, kept)
    return {"title": about.partition("/")[2], **kept, "done": open_}


def _lost(client: MlflowClient, ledger: Ledger, project: Project, found: Experiment) -> dict[str, Any]:
    runs = runs_of(client, found)
    ids = {run.info.run_id for run in runs}
    versions = [one for one in all_versions(client, project) if one.run_id in ids]
    released: dict[str, list[str]] = {}
    for release in ledger.releases(project.name):
        released.setdefault(str(release.model.get("version")), []).append(release.id)
    kept_by = ["it is the project's own experiment"] if found.own else []
    for one in versions:
        why = ["confirmed"] if one.tags.get("confirmed") == "true" else []
        why += [one.tags["state"]] if one.tags.get("state") in DEPLOYED else []
        why += [f"in release {name}" for name in released.get(str(one.version), [])]
        kept_by += [f"model version {one.version} is {', '.join(why)}"] if why else []
    kinds = Counter(run.data.tags.get("devmlops.kind", "run") for run in runs)
    lost = {
        "title": found.title,
        "id": found.id,
        "runs": len(runs),
        "running": sum(run.info.status == "RUNNING" for run in runs),
        "kinds": dict(sorted(kinds.items())),
        "versions": sorted((str(one.version) for one in versions), key=int),
        "kept_by": kept_by,
        "run_ids": sorted(ids),
    }
    return {**lost, "digest": digest({key: lost[key] for key in ("id", "run_ids", "versions")})}


def may_go(lost: Mapping[str, Any]) -> None:
    """Check that an experiment may be deleted.

    Raises:
        ExperimentError: something in it must stay; the message says what.
    """
    if lost["kept_by"]:
        why = lost["kept_by"][:LISTED] + ([f"{len(lost['kept_by']) - LISTED} more"] if len(lost["kept_by"]) > LISTED else [])
        raise ExperimentError(lost["title"], f"it must stay: {'; '.join(why)}")


def entries(ledger: Ledger, about: str, action: str) -> list[AuditEntry]:
    """Return the audit entries of one kind about an experiment, oldest first."""
    return [one for one in ledger.audit_entries(about, 10_000) if one.action == action]
