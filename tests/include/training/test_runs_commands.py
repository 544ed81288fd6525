"""The best run of an experiment, and runs side by side, on the command line."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import pytest

from include.clients.mlflow import mlflow_client
from include.settings import Settings
from include.training.experiments import create_experiment
from tests.include.training.registry import own_project, trained


@pytest.mark.integration
def test_runs_are_ranked_and_compared(settings: Settings, printed: Callable[..., str]) -> None:
    project, client = own_project(), mlflow_client(settings)
    said = functools.partial(printed, "runs", project)
    place = create_experiment(settings, project, "큰 모델")["name"]
    low, high = (trained(settings, project, value, experiment=place) for value in (0.91, 0.95))
    trained(settings, project, 0.99)
    for run_id, size in ((low, 16), (high, 32)):
        client.log_param(run_id, "channels", size)
        client.log_text(run_id, f"numpy=={size}\nsame==1\n", "environment/requirements.txt")

    assert said("best", "--experiment", "큰 모델").startswith(f"run {high}: number 1 of 2 by accuracy 0.95")
    second = json.loads(said("best", "--experiment", "큰 모델", "--nth", "2", "--json"))
    assert (second["run_id"], second["params"]) == (low, {"channels": "16"})
    assert "number 1 of 1" in said("best")
    assert "there is no number 3" in said("best", "--experiment", "큰 모델", "--nth", "3", code=2)
    assert "no experiment '큰모델'; near to it: 큰 모델; there are: " in said("best", "--experiment", "큰모델", code=2)
    assert "'beauty' is not registered" in said("best", "--metric", "beauty", code=2)

    lines = said("compare", low, high).splitlines()
    assert ["differs", "channels", "16", "32"] in [line.split() for line in lines]
    assert ["differs", "numpy", "16", "32"] in [line.split() for line in lines]
    assert "data_version" not in "".join(lines) and lines[-1].endswith("fields differ")
    assert "data_version" in said("compare", low, high, "--all")
    assert json.loads(said("compare", low, high, "--json"))["runs"][1]["run_id"] == high
    assert "MLflow has no run" in said("compare", low, "f" * 32, code=2)
