"""Registered models: what is known of a version, and its network back in memory."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import MlflowError, mlflow_client, mlflow_errors, read_file
from include.projects import Project
from include.settings import Settings
from include.training.errors import InputError
from include.training.learners import Files, Fitted, learner
from include.training.preparation import load as load_preparation
from include.training.runs import split_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

FOLDER, PARAMS = "model", "model/params.json"
ALIASES = ("confirmed", "production")
PAGE = 1000


def find_version(client: MlflowClient, project: Project, version: str | int) -> ModelVersion:
    """Return a registered version by number (``3``, ``"3"``, ``"v3"``), by alias, or the newest (``latest``).

    Raises:
        InputError: there is no such version.
    """
    from mlflow.exceptions import MlflowException

    wanted = str(version)
    number = re.fullmatch(r"v?(\d+)", wanted)
    try:
        if number:
            return client.get_model_version(project.name, number[1])
        if wanted == "latest":
            found = client.search_model_versions(f"name='{project.name}'", max_results=1, order_by=["version_number DESC"])
            if found:
                return client.get_model_version(project.name, str(found[0].version))
        else:
            return client.get_model_version_by_alias(project.name, wanted)
    except MlflowException as cause:
        if cause.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    raise InputError(f"{project.name} has no model version {wanted!r}: give a number, latest, or one of {', '.join(ALIASES)}")


def all_versions(client: MlflowClient, project: Project) -> list[ModelVersion]:
    """Return every version of a project's registered model, in no order."""
    found: list[ModelVersion] = []
    token = None
    while True:
        some = client.search_model_versions(f"name='{project.name}'", max_results=PAGE, page_token=token)
        found += some
        token = some.token
        if not token:
            return found


def describe(client: MlflowClient, found: ModelVersion) -> dict[str, Any]:
    """Return what `model_info` returns, for a version at hand."""
    metrics, params = {}, {}
    if found.run_id:
        run = client.get_run(found.run_id)
        metrics = {
            name.removeprefix("test_"): value
            for name, value in run.data.metrics.items()
            if name.startswith(("test_", "baseline_", "best_validation_"))
        }
        params = dict(run.data.params)
    return {
        "name": found.name,
        "version": str(found.version),
        "run_id": found.run_id,
        "data": split_of(found.tags),
        "metrics": metrics,
        "params": params,
        "author": found.tags.get("author", "devmlops"),
        "state": found.tags.get("state", "training"),
        "confirmed": found.tags.get("confirmed") == "true",
        "code_digest": found.tags.get("code_digest"),
        "project_code": found.tags.get("project_code"),
        "git_commit": found.tags.get("git_commit"),
    }


def model_info(settings: Settings, project: Project, version: str | int = "confirmed") -> dict[str, Any]:
    """Return what is known of a registered model version.

    Args:
        settings: name MLflow.
        project: whose model.
        version: a number, ``confirmed``, ``production`` or ``latest``.

    Returns:
        ``name``, ``version``, ``run_id``, ``data`` (reference to the split), ``metrics`` (``accuracy``, ``macro_f1``,
        ``baseline_accuracy``, ... of the test part), ``params``, ``author``, ``state``, ``confirmed``,
        ``code_digest``, ``project_code`` (of the project's files alone; its state is in the ledger), ``git_commit``.

    Raises:
        InputError: there is no such version.
        MlflowError: MLflow did not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"read model {version} of {project.name}"):
        return describe(client, find_version(client, project, version))


def model_files(client: MlflowClient, run_id: str) -> Files:
    """Return the files of the model that a training run kept, by name; empty where it kept none."""
    found = [one.path for one in client.list_artifacts(run_id, FOLDER) if not one.is_dir and one.path != PARAMS]
    return {path.removeprefix(f"{FOLDER}/"): read_file(client, run_id, path) for path in found}


def load_run(client: MlflowClient, project: Project, run_id: str) -> Fitted:
    """Return the model of a training run.

    Raises:
        InputError: the run kept none, or it does not fit the model component as it is now.
    """
    params = json.loads(read_file_of(client, run_id, PARAMS))
    try:
        files = model_files(client, run_id)
        fitted = learner(project, params).load(project, params, files)
        fitted.preparation = load_preparation(project, files)
        return fitted
    except InputError as cause:
        raise InputError(f"run {run_id}: {cause}") from cause


def load_model(settings: Settings, project: Project, version: str | int) -> Fitted:
    """Return the model of a registered version, ready to predict; a network on the job's GPU, where it has one.

    Args:
        settings: name MLflow.
        project: whose model; its model component says what it is.
        version: a number, ``confirmed``, ``production`` or ``latest``.

    Raises:
        InputError: no such version, or it does not fit the component.
        MlflowError: MLflow did not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"load model {version} of {project.name}"):
        found = find_version(client, project, version)
        if not found.run_id:
            raise MlflowError(settings.mlflow_url, f"load {project.name} v{found.version}", "it has no run", "NO_RUN")
        return load_run(client, project, found.run_id)


def read_file_of(client: MlflowClient, run_id: str, path: str) -> bytes:
    """Return a file of a training run.

    Raises:
        InputError: it has none of that name.
    """
    try:
        return read_file(client, run_id, path)
    except FileNotFoundError as cause:
        raise InputError(f"{cause}: it is no finished training run") from cause
