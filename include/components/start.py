"""The run of a whole workflow: its steps and its model are runs below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import ensure_experiment, find_runs, log_file, mlflow_client, mlflow_errors
from include.components.errors import ComponentError
from include.components.learner import params_of
from include.components.page import graph_page
from include.projects import Project
from include.settings import Settings
from include.training import runs

if TYPE_CHECKING:
    from mlflow import MlflowClient

KIND, REPORT = "workflow", "reports/workflow.html"


def start_workflow(
    settings: Settings,
    project: Project,
    split: Mapping[str, Any],
    author: str = "devmlops",
    key: str | None = None,
    experiment: str = "",
) -> dict[str, Any]:
    """Open the run of a workflow, with the page of its graph; the same key finds the run that is there.

    Args:
        settings: of the product.
        project: whose workflow.
        split: reference to the split.
        author: who started it.
        key: of the caller, such as an Airflow run id.
        experiment: that the run is in; empty takes the project's own.

    Returns:
        ``run_id``, ``experiment_id``, and ``new``.

    Raises:
        ComponentError: the project has no workflow.
        MlflowError: MLflow did not answer.
    """
    if project.workflow is None:
        raise ComponentError(f"{project.name} has no section workflow in its project.yaml")
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"start the workflow of {project.name}"), runs.within(client, project, experiment):
        experiment_id = ensure_experiment(client, runs.experiment(project))
        if found := _there(client, project, experiment_id, key):
            return {"run_id": found, "experiment_id": experiment_id, "new": False}
        run_id = runs.start(settings, client, project, KIND, split, author, {"steps": len(project.workflow.steps)}, KIND, key)
        client.log_dict(run_id, {**params_of(project), "model": project.workflow.model}, "workflow.json")
        log_file(client, run_id, REPORT, graph_page(project, {}).encode())
    return {"run_id": run_id, "experiment_id": experiment_id, "new": True}


def _there(client: MlflowClient, project: Project, experiment_id: str, key: str | None) -> str | None:
    if not key:
        return None
    for run in find_runs(client, experiment_id, {"devmlops.kind": KIND, "devmlops.key": key}):
        if run.info.status in ("RUNNING", "KILLED", "FAILED"):
            client.update_run(run.info.run_id, "RUNNING")
        return str(run.info.run_id)
    return None
