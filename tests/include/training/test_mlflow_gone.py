"""A training whose MLflow goes away in the middle, and comes back."""

import pytest

from include.clients.mlflow import MlflowError, ensure_experiment, find_runs, mlflow_client
from include.settings import Settings
from include.training import train
from tests.fixtures.mlflow import MlflowServer

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path, free_port):
    made = MlflowServer(tmp_path, free_port())
    made.start()
    yield made
    made.stop()


def test_it_is_told_and_the_next_try_ends_right(server, tmp_path, digits, served, split, params, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    settings = Settings(home=tmp_path / "home", mlflow_url=server.url)

    def away(line: str) -> None:
        if line.startswith("epoch 1/"):
            server.kill()

    with pytest.raises(MlflowError, match=rf"MLflow at {server.url}: cannot train digits: the server does not answer") as gone:
        train(settings, digits, split, params, key="k", epochs=2, tell=away)
    assert gone.value.code == "UNREACHABLE"
    server.start()
    done = train(settings, digits, split, params, key="k", epochs=2, tell=lambda line: None)
    client = mlflow_client(settings)
    runs = find_runs(client, ensure_experiment(client, "digits/training"), {"devmlops.kind": "training", "devmlops.key": "k"})
    assert {run.info.run_id: run.info.status for run in runs if run.info.status == "FINISHED"} == {done["run_id"]: "FINISHED"}
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED"]
