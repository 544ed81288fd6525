"""Where a model comes from and who decided about it: the parts of its card about confirmation, lineage and states."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from include.clients.mlflow import read_file
from include.projects import Project
from include.reports.links import dag_run_url, mlflow_model_url, mlflow_run_url, record_url
from include.settings import Settings
from include.training.runs import CODE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Rows = list[tuple[str, Any]]
UNKNOWN = "unknown"
HOW = {"rule": "by rule: the gate of project.yaml alone", "person": "by a person who had the figures in front of them"}


@dataclass(frozen=True)
class Link:
    """A value with the address of its record.

    Attributes:
        text: what is shown.
        url: where it leads; none shows the text alone.
    """

    text: str
    url: str | None

    def __str__(self) -> str:
        return self.text


def moment(at: datetime | str) -> str:
    """Return a moment as people read it, to the second, in UTC."""
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{found.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def confirmation(tags: Mapping[str, str]) -> Rows:
    """Return whether a model is confirmed, by whom, when, why, and whether by rule or by a person.

    Args:
        tags: of the model version, as `include.training.confirm` writes them.
    """
    confirmed = tags.get("confirmed") == "true"
    if not confirmed and "confirmed_by" not in tags:
        return [("confirmed", "no: nobody has decided about it")]
    rows: Rows = [
        ("confirmed", "yes" if confirmed else "no: it was refused"),
        ("by", tags.get("confirmed_by", UNKNOWN)),
        ("at", moment(tags["confirmed_at"]) if "confirmed_at" in tags else UNKNOWN),
        ("why", tags.get("confirmed_why", UNKNOWN)),
    ]
    if not confirmed:
        return rows
    overruled, before = tags.get("confirmed_overruled", "none"), tags.get("confirmed_instead_of", "none")
    return [
        *rows,
        ("how", HOW.get(tags.get("confirmed_how", ""), UNKNOWN)),
        ("gate", "passed" if overruled == "none" else f"overruled, for it failed: {overruled}"),
        ("confirmed before it", "none" if before == "none" else f"v{before}"),
    ]


def history(tags: Mapping[str, str]) -> Rows:
    """Return every change of a model's state, the first one first: old and new one, who, when and why."""
    changes = json.loads(tags.get("state_history", "[]"))
    return [
        (moment(one["at"]), f"{f'{was} → ' if (was := one.get('was')) else ''}{one['state']} by {one['by']}: {one['why']}")
        for one in changes
    ]


def lineage(settings: Settings, client: MlflowClient, project: Project, about: Mapping[str, Any], run: Run) -> Rows:
    """Return what a model was made from, each with the address of its record where it has one.

    Args:
        settings: name Airflow and MLflow.
        client: of MLflow.
        project: whose model.
        about: of `include.training.models.describe`.
        run: its training.
    """
    tags, params = run.data.tags, run.data.params
    parent, origin, original = tags.get("mlflow.parentRunId"), params.get("init_from_run"), tags.get("devmlops.reproduces")
    begins = params.get("init_from", UNKNOWN)
    key = tags.get("devmlops.key", "")
    return [
        ("model version", Link(f"{about['name']} v{about['version']}", _version(settings, about))),
        ("training run", Link(run.info.run_id, mlflow_run_url(settings, run.info.experiment_id, run.info.run_id))),
        ("pipeline run", Link(key, dag_run_url(settings, key)) if key else "none: it was trained by hand"),
        *_data(settings, project, about["data"]),
        ("tuning or workflow (parent run)", _run(settings, client, parent) if parent else "none"),
        ("began with", begins if begins in (UNKNOWN, "random") else f"the weights of {begins}"),
        *([("origin run", _run(settings, client, origin))] if origin else []),
        *([("reproduces", _run(settings, client, original))] if original else []),
        *_code(client, about, run),
    ]


def _version(settings: Settings, about: Mapping[str, Any]) -> str:
    return mlflow_model_url(settings, about["name"], about["version"])


def _data(settings: Settings, project: Project, data: Mapping[str, str]) -> Rows:
    zone: Literal["dev", "ops"] = "ops" if data.get("zone") == "ops" else "dev"
    version, commit = data.get("version", UNKNOWN), data.get("commit", UNKNOWN)
    document = record_url(settings, zone, project.name, version, f"versions/{version}.json")
    recipe = record_url(settings, zone, project.name, commit, data["split_path"]) if "split_path" in data else None
    return [
        ("data version", Link(f"{data.get('repository')} {version}", document if "version" in data else None)),
        ("data commit", commit),
        ("split", Link(data.get("split_digest", UNKNOWN), recipe)),
    ]


def _code(client: MlflowClient, about: Mapping[str, Any], run: Run) -> Rows:
    """Return the digests of the code that made the model, and how it stood to git."""
    try:
        said = json.loads(read_file(client, run.info.run_id, CODE))
    except FileNotFoundError:
        said = {}
    commit, dirty = said.get("git_commit") or about["git_commit"], said.get("dirty")
    state = {True: "with changes that are not in it", False: "with nothing changed"}.get(dirty, "state unknown")
    return [
        ("code digest (project and training)", about["code_digest"]),
        ("code digest (project)", about["project_code"]),
        ("git commit", f"{commit}, {state}" if commit else "none: the code lay in no git repository"),
    ]


def _run(settings: Settings, client: MlflowClient, run_id: str) -> Link:
    """Return a run with its kind and address; one that is gone keeps its id."""
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as cause:
        if cause.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return Link(f"{run_id}, which MLflow has no more", None)
    kind = run.data.tags.get("devmlops.kind", "run")
    return Link(f"{kind} {run_id}", mlflow_run_url(settings, run.info.experiment_id, run_id))
