import os
import time

import pytest

from include.clients.mlflow import (
    MlflowError,
    ensure_experiment,
    find_runs,
    log_file,
    log_history,
    log_params,
    mlflow_client,
    mlflow_errors,
    read_file,
)
from include.settings import Settings


@pytest.fixture
def settings(mlflow_server):
    return Settings(mlflow_url=mlflow_server.url)


def test_a_server_that_is_gone_is_said_so_without_its_password():
    settings = Settings(mlflow_url="http://user:geheim@127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(MlflowError, match="127.0.0.1:9: cannot reach the server.*DEVMLOPS_MLFLOW_URL") as gone:  # noqa: RUF043
        mlflow_client(settings, wait_s=0.5)
    assert time.monotonic() - started < 5
    assert gone.value.code == "UNREACHABLE" and "geheim" not in str(gone.value)


def test_an_address_that_is_none_is_said_so_at_once():
    with pytest.raises(MlflowError, match="cannot reach"):
        mlflow_client(Settings(mlflow_url="nonsense"), wait_s=30)


@pytest.mark.integration
def test_nothing_global_is_touched(settings):
    import mlflow

    before = mlflow.get_tracking_uri()
    client = mlflow_client(settings)
    run = client.create_run(ensure_experiment(client, "global"))
    log_file(client, run.info.run_id, "folder/파일.txt", b"abc")
    assert read_file(client, run.info.run_id, "folder/파일.txt") == b"abc"
    assert mlflow.get_tracking_uri() == before and "MLFLOW_TRACKING_URI" not in os.environ
    with pytest.raises(FileNotFoundError, match="no artefact folder/none"):
        read_file(client, run.info.run_id, "folder/none")


@pytest.mark.integration
def test_an_experiment_is_made_once_and_comes_back_from_the_bin(settings):
    client = mlflow_client(settings)
    first = ensure_experiment(client, "한글/training")
    client.delete_experiment(first)
    assert ensure_experiment(client, "한글/training") == first
    assert client.get_experiment(first).lifecycle_stage == "active"


@pytest.mark.integration
def test_a_long_history_arrives_whole(settings):
    client = mlflow_client(settings)
    experiment = ensure_experiment(client, "history")
    run = client.create_run(experiment).info.run_id
    log_history(client, run, [(step, {"a": step, "b": -step}) for step in range(700)])
    assert [m.value for m in client.get_metric_history(run, "b")] == [-float(s) for s in range(700)]
    log_params(client, run, {"lr": 0.1}, {"my.key": "값", "none": None})
    assert [r.info.run_id for r in find_runs(client, experiment, {"my.key": "값"})] == [run]
    with pytest.raises(ValueError, match="quote"):
        find_runs(client, experiment, {"my.key": "' or 1=1"})


@pytest.mark.integration
def test_runs_are_found_beyond_the_first_page(settings, monkeypatch):
    monkeypatch.setattr("include.clients.mlflow.BATCH", 2)
    client = mlflow_client(settings)
    experiment = ensure_experiment(client, "pages")
    made = [client.create_run(experiment, tags={"my.key": "값"}).info.run_id for _ in range(5)]
    assert sorted(run.info.run_id for run in find_runs(client, experiment, {"my.key": "값"})) == sorted(made)


@pytest.mark.integration
def test_what_mlflow_refuses_keeps_its_code(settings):
    client = mlflow_client(settings)
    with pytest.raises(MlflowError, match="cannot read a run") as refused, mlflow_errors(settings, "read a run"):
        client.get_run("0" * 32)
    assert refused.value.code == "RESOURCE_DOES_NOT_EXIST" and refused.value.__cause__ is not None


@pytest.mark.integration
def test_a_server_that_restarts_is_waited_for(mlflow_server, settings):
    import threading

    mlflow_server.kill()
    again = threading.Thread(target=mlflow_server.start)
    again.start()
    try:
        assert mlflow_client(settings, wait_s=90).search_experiments()
    finally:
        again.join()
