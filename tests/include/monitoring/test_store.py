"""Reports of monitoring in a real MLflow."""

from __future__ import annotations

from typing import Any

import pytest

from include.clients.mlflow import MlflowError, mlflow_client, read_file
from include.monitoring.store import monitoring_run
from include.projects import Project
from include.settings import Settings


@pytest.mark.integration
def test_a_run_is_found_again_by_its_tags(settings: Settings, project: Project, mlflow_server: Any) -> None:
    here = settings.model_copy(update={"mlflow_url": mlflow_server.url})
    with monitoring_run(here, project, "드리프트", {"kind": "t", "alert_id": "1"}) as run:
        run.file("report.html", b"first")
        run.metrics({"score": 1.5})
    with monitoring_run(here, project, "드리프트", {"kind": "t", "alert_id": "1"}) as again:
        again.file("report.html", b"second")
        again.tags({"decision": "accept"})
    with monitoring_run(here, project, "other", {"kind": "t", "alert_id": "2"}) as other:
        pass
    assert again.run_id == run.run_id != other.run_id
    client = mlflow_client(here)
    stored = client.get_run(run.run_id)
    assert stored.info.status == "FINISHED" and stored.data.tags["decision"] == "accept" and stored.data.metrics["score"] == 1.5
    assert client.get_experiment(stored.info.experiment_id).name == "shapes/monitoring"
    assert read_file(client, run.run_id, "report.html") == b"second"
    assert run.url.startswith(mlflow_server.url) and f"/runs/{run.run_id}?" in run.url


@pytest.mark.integration
def test_a_run_that_breaks_is_marked_failed(settings: Settings, project: Project, mlflow_server: Any) -> None:
    here = settings.model_copy(update={"mlflow_url": mlflow_server.url})
    with pytest.raises(ZeroDivisionError), monitoring_run(here, project, "x", {"kind": "breaks"}) as run:
        raise ZeroDivisionError
    assert mlflow_client(here).get_run(run.run_id).info.status == "FAILED"


def test_no_mlflow_is_told(settings: Settings, project: Project, free_port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.monitoring.store.mlflow_client", lambda s: mlflow_client(s, wait_s=0))
    here = settings.model_copy(update={"mlflow_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(MlflowError, match="cannot reach the server"), monitoring_run(here, project, "x", {"kind": "t"}):
        pass
