"""Registration: a trained and evaluated run becomes a version of the project's model."""

from __future__ import annotations

from typing import Any

from include.clients.mlflow import mlflow_client, mlflow_errors
from include.projects import Project
from include.settings import Settings
from include.training.code import enter_code
from include.training.errors import InputError
from include.training.metrics import gate_metric
from include.training.models import describe
from include.training.runs import SPLIT_KEYS
from include.training.states import history_entry, history_tag

KEPT = (
    "code_digest",
    "project_code",
    "git_commit",
    *(f"data_{k}" for k in ("repository", "zone", "version", "commit")),
    *SPLIT_KEYS[-2:],
)


def register(settings: Settings, project: Project, run_id: str, author: str | None = None) -> dict[str, Any]:
    """Register the model of a run, once: the same run always gives the same version.

    Args:
        settings: name MLflow.
        project: whose model; its name is the registered model's.
        run_id: of `train`, evaluated by `evaluate`.
        author: who made it; whoever started the run where not given.

    Returns:
        As `model_info`: ``name``, ``version``, ``run_id``, ``data``, ``metrics``, ``author``, ``state``, ...

    Raises:
        InputError: the run is no finished, evaluated training of this project.
        MlflowError: MLflow did not answer.
        LedgerError: the ledger cannot be reached, which keeps the code of the run.
    """
    from mlflow.exceptions import MlflowException

    client = mlflow_client(settings)
    with mlflow_errors(settings, f"register run {run_id}"):
        run = client.get_run(run_id)
        tags = run.data.tags
        if tags.get("devmlops.kind") != "training" or tags.get("devmlops.project") != project.name:
            raise InputError(f"run {run_id} is no training of {project.name}")
        if run.info.status != "FINISHED":
            raise InputError(f"run {run_id} is {run.info.status.lower()}: only a finished training can be registered")
        if f"test_{gate_metric(project).name}" not in run.data.metrics:
            raise InputError(f"run {run_id} was not evaluated with {gate_metric(project).name}: run evaluate first")
        try:
            client.create_registered_model(project.name, description=project.title)
        except MlflowException as cause:
            if cause.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        enter_code(settings, client, project, run, author or tags.get("devmlops.author", "devmlops"))
        for known in client.search_model_versions(f"name='{project.name}' and run_id='{run_id}'", max_results=1):
            return describe(client, client.get_model_version(project.name, str(known.version)))
        who = author or tags.get("devmlops.author", "devmlops")
        written = {name: tags[name] for name in KEPT if name in tags}
        written |= {"author": who, "state": "training", "confirmed": "false"}
        written["state_history"] = history_tag([history_entry("training", who, "registered")])
        source = f"{run.info.artifact_uri}/model"
        made = client.create_model_version(project.name, source, run_id=run_id, tags=written)
        return describe(client, client.get_model_version(project.name, str(made.version)))
