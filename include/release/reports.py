"""The MLflow run of a release, where its reports, plots and ONNX files are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from include.clients.mlflow import ensure_experiment, find_runs, log_file, log_metrics, mlflow_client, mlflow_errors, read_file
from include.projects import Project
from include.release.errors import ReleaseError
from include.settings import Settings

FOLDER = "reports"


def start_release_run(settings: Settings, project: Project, release_id: str, model: Mapping[str, Any]) -> str:
    """Return the MLflow run of a release; made on the first call, found again afterwards.

    Args:
        settings: name the MLflow server.
        project: the project; the run is in its experiment ``<project>/releases``.
        release_id: the release.
        model: the registered model: ``name``, ``version``, ``run_id``.

    Raises:
        MlflowError: MLflow does not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"open the run of {release_id}"):
        experiment = ensure_experiment(client, f"{project.name}/releases")
        found = find_runs(client, experiment, {"release_id": release_id})
        if found:  # the oldest one, should two tasks have raced
            return str(found[-1].info.run_id)
        tags = {
            "release_id": release_id,
            "project": project.name,
            "model": f"{model['name']} v{model['version']}",
            "training_run_id": str(model.get("run_id", "")),
        }
        run = client.create_run(experiment, run_name=release_id, tags=tags)
        client.set_terminated(run.info.run_id)
        return str(run.info.run_id)


def log_report(settings: Settings, run_id: str, name: str, report: Mapping[str, Any]) -> None:
    """Store a report as ``reports/<name>.json``, and its top-level numbers as metrics ``<name>.<key>``.

    Args:
        settings: name the MLflow server.
        run_id: the release's run.
        name: of the report, e.g. ``parity``.
        report: JSON-able.
    """
    content = json.dumps(report, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False).encode()
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"store the report {name} of run {run_id}"):
        log_file(client, run_id, f"{FOLDER}/{name}.json", content)
        numbers = {f"{name}.{k}": v for k, v in report.items() if isinstance(v, int | float)}
        if numbers:
            log_metrics(client, run_id, {k: float(v) for k, v in numbers.items()})


def read_report(settings: Settings, run_id: str, name: str) -> dict[str, Any] | None:
    """Return a stored report; None where the run has none of that name."""
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"read the report {name} of run {run_id}"):
        try:
            return dict(json.loads(read_file(client, run_id, f"{FOLDER}/{name}.json")))
        except FileNotFoundError:
            return None


def conclude(settings: Settings, run_id: str, name: str, subject: str, report: dict[str, Any]) -> dict[str, Any]:
    """Store a report and return it; one with problems ends the release.

    Args:
        settings: name the MLflow server.
        run_id: the release's run.
        name: of the report.
        subject: what was looked at, for the error.
        report: has ``ok`` and ``problems``, one line each with its numbers.

    Raises:
        ReleaseError: the report is not ok.
    """
    log_report(settings, run_id, name, report)
    if not report["ok"]:
        raise ReleaseError(subject, list(report["problems"]), report)
    return report
