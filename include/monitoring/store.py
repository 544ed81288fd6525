"""Where monitoring keeps its reports: runs of the experiment ``<project>/monitoring``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import ensure_experiment, find_runs, log_file, log_metrics, mlflow_client, mlflow_errors
from include.projects.project import Project
from include.reports.links import mlflow_run_url
from include.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


class MonitoringRun:
    """One run that is being written.

    Attributes:
        run_id: MLflow's id.
        url: page of the run in MLflow's UI, without credentials.
    """

    def __init__(self, client: MlflowClient, run_id: str, url: str) -> None:
        self._client, self.run_id, self.url = client, run_id, url

    def file(self, path: str, content: bytes) -> None:
        """Keep a file; one of the same name is replaced."""
        log_file(self._client, self.run_id, path, content)

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Keep numbers."""
        log_metrics(self._client, self.run_id, metrics)

    def tags(self, tags: Mapping[str, Any]) -> None:
        """Keep tags."""
        for key, value in tags.items():
            self._client.set_tag(self.run_id, key, str(value))


@contextmanager
def monitoring_run(settings: Settings, project: Project, name: str, tags: Mapping[str, str]) -> Iterator[MonitoringRun]:
    """Open the run that carries ``tags``, made where there is none: a repeated task writes the same run.

    Args:
        settings: give MLflow.
        project: the project.
        name: shown in MLflow.
        tags: what the run is known by.

    Raises:
        MlflowError: MLflow did not answer, or refused.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"store {name!r}"):
        experiment = ensure_experiment(client, f"{project.name}/monitoring")
        known = find_runs(client, experiment, tags)
        run = known[0] if known else client.create_run(experiment, tags={**tags, "project": project.name}, run_name=name)
        run_id = run.info.run_id
        page = mlflow_run_url(settings, experiment, run_id)
        if known:
            client.update_run(run_id, status="RUNNING")
        done = False
        try:
            yield MonitoringRun(client, run_id, page)
            done = True
        finally:
            client.set_terminated(run_id, "FINISHED" if done else "FAILED")
