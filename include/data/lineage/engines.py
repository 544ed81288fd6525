"""What MLflow and the ledger know of a project: runs, models, releases; an engine that is down is a problem told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from include.clients.mlflow import MlflowError, mlflow_client, mlflow_errors
from include.ledger import Ledger, LedgerError
from include.projects import Project
from include.settings import Settings

KINDS = ("training", "tuning")
PAGE, MOST = 1000, 20_000  # runs asked for at a time, and in all


@dataclass(frozen=True)
class Engines:
    """What the engines of a project say, oldest first.

    Attributes:
        runs: ``run_id``, ``experiment_id``, ``name``, ``kind``, ``status``, ``author``, ``created_at``, ``repository``,
            ``version``, ``split`` (digest) and ``metrics`` (of the test part).
        models: ``name``, ``version``, ``run_id``, ``state``, ``author``, ``created_at``, ``confirmed``.
        releases: ``id``, ``state``, ``model`` (version), ``authors``, ``created_at``, ``key``, ``digest``, and ``routes``
            (names of those that point to it now).
        problems: which engine did not answer, and what is missing because of it.
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def asked(settings: Settings, project: Project) -> Engines:
    """Ask MLflow and the ledger; an engine that does not answer is not waited for."""
    found = Engines()
    if project.has_model:
        try:
            client = mlflow_client(settings, wait_s=0)
            with mlflow_errors(settings, f"find runs and models of {project.name}"):
                found.runs.extend(_runs(client, project))
                found.models.extend(_models(client, project))
        except MlflowError as cause:
            found.problems.append(f"Runs and models are missing here: {cause}")
    try:
        found.releases.extend(_releases(Ledger(settings.ledger()), project))
    except LedgerError as cause:
        found.problems.append(f"Releases are missing here: {cause}")
    return found


def _runs(client: Any, project: Project) -> list[dict[str, Any]]:
    experiments = [one.experiment_id for one in client.search_experiments(filter_string=f"name LIKE '{project.name}/%'")]
    runs: list[dict[str, Any]] = []
    for kind in KINDS if experiments else ():
        where, token = f"tags.`devmlops.kind` = '{kind}'", None
        while len(runs) < MOST:
            page = client.search_runs(experiments, where, max_results=PAGE, page_token=token)
            runs += [_run(one) for one in page]
            token = page.token
            if not token:
                break
    return sorted(runs, key=lambda one: one["created_at"])


def _run(run: Any) -> dict[str, Any]:
    tags = run.data.tags
    metrics = {name: value for name, value in run.data.metrics.items() if name.startswith("test_")}
    return {
        "run_id": run.info.run_id,
        "experiment_id": run.info.experiment_id,
        "name": run.info.run_name or run.info.run_id[:8],
        "kind": tags.get("devmlops.kind", "training"),
        "status": run.info.status.lower(),
        "author": tags.get("devmlops.author", ""),
        "created_at": _at(run.info.start_time),
        "repository": tags.get("data_repository", ""),
        "version": tags.get("data_version", ""),
        "split": tags.get("split_digest", ""),
        "metrics": metrics,
    }


def _models(client: Any, project: Project) -> list[dict[str, Any]]:
    found, token = [], None
    while True:
        page = client.search_model_versions(f"name='{project.name}'", max_results=PAGE, page_token=token)
        found += [
            {
                "name": one.name,
                "version": str(one.version),
                "run_id": one.run_id,
                "state": one.tags.get("state", "training"),
                "author": one.tags.get("author", ""),
                "created_at": _at(one.creation_timestamp),
                "confirmed": one.tags.get("confirmed") == "true",
            }
            for one in page
        ]
        token = page.token
        if not token:
            return sorted(found, key=lambda one: int(one["version"]))


def _releases(ledger: Ledger, project: Project) -> list[dict[str, Any]]:
    routes: dict[str, list[str]] = {}
    for route in ledger.routes(project.name):
        routes.setdefault(route.release_id, []).append(route.name)
    return [
        {
            "id": one.id,
            "state": one.state,
            "model": str(one.model.get("version", "")),
            "authors": one.authors,
            "created_at": one.created_at.isoformat(timespec="seconds"),
            "key": one.key,
            "digest": one.digest,
            "routes": routes.get(one.id, []),
        }
        for one in ledger.releases(project.name)
    ]


def _at(milliseconds: int | None) -> str:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC).isoformat(timespec="seconds")
