"""Registered versions made of written runs, in seconds: what confirmation and experiments are about."""

from __future__ import annotations

import uuid
from typing import Any

from include.clients.mlflow import ensure_experiment, log_file, mlflow_client
from include.management import code_of
from include.projects import Project, load_project
from include.settings import Settings
from include.training import runs
from include.training.register import register

DATA = {
    "data_repository": "none-dev",
    "data_zone": "dev",
    "data_version": "v1",
    "data_commit": "c0ffee",
    "split_path": "splits/a.json",
    "split_digest": "sha256:ab",
}
TESTED = {"tests_failed": 0.0, "code_errors": 0.0}  # what `include.training.model_tests` leaves where all is well


def own_project(**training: Any) -> Project:
    """Return digits under a name of its own, with other settings of its training."""
    base = load_project("digits")
    name = f"t{uuid.uuid4().hex[:10]}"
    return base.model_copy(update={"name": name, "training": base.training.model_copy(update=training)})


def gate(project: Project, **changes: Any) -> Project:
    """Return a project with another gate."""
    training = project.training
    return project.model_copy(update={"training": training.model_copy(update={"gate": training.gate.model_copy(update=changes)})})


def trained(
    settings: Settings, project: Project, accuracy: float = 0.97, author: str = "민지", experiment: str = "", **metrics: float
) -> str:
    """Write a finished, evaluated and tested training run and return its id."""
    client = mlflow_client(settings)
    place = ensure_experiment(client, experiment or runs.experiment(project))
    code = code_of(project)
    tags = {"devmlops.kind": "training", "devmlops.project": project.name, "devmlops.author": author, **DATA}
    run_id = client.create_run(place, tags={**tags, "project_code": code.digest, "code_digest": "sha256:c"}).info.run_id
    client.log_dict(run_id, {"digest": code.digest, "files": code.files, "git_commit": "c0ffee", "dirty": False}, runs.CODE)
    known = {"accuracy": accuracy, "accuracy_low": accuracy - 0.02, "accuracy_high": accuracy + 0.02, "rows": 200}
    known |= {**TESTED, **metrics}
    for name, value in {**{f"test_{k}": v for k, v in known.items()}, "baseline_accuracy": 0.9}.items():
        client.log_metric(run_id, name, value)
    log_file(client, run_id, "plots/confusion.png", b"png")
    log_file(client, run_id, "reports/evaluation.html", b"<p>")
    client.set_terminated(run_id)
    return str(run_id)


def version(settings: Settings, project: Project, accuracy: float = 0.97, author: str = "민지", **more: Any) -> str:
    """Register a written run and return the version."""
    return str(register(settings, project, trained(settings, project, accuracy, author, **more))["version"])
