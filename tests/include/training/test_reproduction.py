import json

import pytest

from include.clients.mlflow import mlflow_client, read_file
from include.training import reproduction as module
from include.training.errors import InputError
from include.training.reproduction import reproduce
from include.training.train import train

pytestmark = pytest.mark.integration


def test_the_same_code_gives_identical_metrics(settings, digits, served, split, params):
    made = train(settings, digits, split, params, epochs=3)
    lines = []
    report = reproduce(settings, digits, run_id=made["run_id"], author="감사", tell=lines.append)
    assert report["identical"] and report["same_code"] and report["largest_difference"] == 0
    assert report["metrics"]["best_validation_accuracy"]["difference"] == 0
    client = mlflow_client(settings)
    run = client.get_run(report["run_id"])
    assert run.data.tags["devmlops.reproduces"] == made["run_id"] and run.data.tags["devmlops.author"] == "감사"
    assert json.loads(read_file(client, report["run_id"], "reports/reproduction.json")) == report
    assert lines[-1] == "reproduced: every metric of every epoch is identical"


def test_another_seed_is_told_apart(settings, digits, served, split, params, monkeypatch):
    made = train(settings, digits, split, params, epochs=2)
    kept = module._record

    def other(client, project, run):
        run.data.params["seed"] = "99"
        return kept(client, project, run)

    monkeypatch.setattr(module, "_record", other)
    report = reproduce(settings, digits, run_id=made["run_id"])
    assert not report["identical"] and report["largest_difference"] > 0


def test_what_is_not_as_it_was_is_named(settings, digits, served, split, params, monkeypatch):
    made = train(settings, digits, split, params, epochs=1)
    monkeypatch.setattr(module, "code_digest", lambda project: "sha256:other")
    monkeypatch.setattr(module, "packages", lambda: "numpy==0.1\n")
    report = reproduce(settings, digits, run_id=made["run_id"])
    assert report["identical"]
    assert any(line.startswith("code: commit") for line in report["differs"])
    assert any(line.startswith("packages: ") for line in report["differs"])


def test_what_cannot_be_reproduced_is_refused(settings, digits, served, split, params):
    with pytest.raises(InputError, match="either the run or the model version"):
        reproduce(settings, digits)
    with pytest.raises(InputError, match="no model version 'v77'"):
        reproduce(settings, digits, version="v77")
    client = mlflow_client(settings)
    experiment = client.create_experiment("reproduce/없음")
    with pytest.raises(InputError, match="is no training of digits"):
        reproduce(settings, digits, run_id=client.create_run(experiment).info.run_id)
