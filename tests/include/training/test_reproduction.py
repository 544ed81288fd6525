import json
import shutil
import sys
import uuid
from dataclasses import replace

import pytest

from include.clients.mlflow import ensure_experiment, log_file, mlflow_client, read_file
from include.management import NotReleased
from include.projects import load_project
from include.training import reproduction as module
from include.training import runs
from include.training.comparison import nth_best
from include.training.errors import InputError
from include.training.evaluate import evaluate
from include.training.register import register
from include.training.reproduction import reproduce
from include.training.train import train

pytestmark = pytest.mark.integration


@pytest.fixture
def own(tmp_path):
    """Return a copy of digits under a name and in a folder of its own, whose code a test may change."""
    name = f"again_{uuid.uuid4().hex[:8]}"
    folder = tmp_path / "projects" / name
    shutil.copytree(load_project("digits").folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    change(folder / "project.yaml", "name: digits", f"name: {name}")
    return load_project(name, folder.parent)


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_record_alone_gives_the_same_model_whatever_the_folder_holds_now(settings, own, served, split, params, monkeypatch):
    monkeypatch.setattr(sys.modules[evaluate.__module__], "pictures", lambda *_: {})  # which take as long as all else
    made = train(settings, own, split, params, epochs=2)
    evaluate(settings, own, split, made["run_id"])
    (own.folder / "model.py").write_text("raise RuntimeError('today')", encoding="utf-8")
    change(own.folder / "project.yaml", "  seed: 7", "  seed: 8\n  start_from: {version: confirmed}")
    today = load_project(own.name, own.folder.parent)
    lines = []
    report = reproduce(settings, today, run_id=made["run_id"], author="감사", tell=lines.append)
    assert report["identical"] and report["same_code"] and report["evaluated"] and report["differing"] == []
    assert report["largest_difference"] == 0 and report["metrics"]["best_validation_accuracy"]["difference"] == 0
    assert {"test_accuracy", "test_log_loss", "test_accuracy_low", "baseline_accuracy"} <= set(report["metrics"])
    client = mlflow_client(settings)
    first, again = (client.get_run(one) for one in (made["run_id"], report["run_id"]))
    assert again.data.tags["devmlops.reproduces"] == made["run_id"] and again.data.tags["devmlops.author"] == "감사"
    assert again.data.tags["project_code"] == first.data.tags["project_code"]
    assert json.loads(read_file(client, report["run_id"], module.REPORT)) == report
    assert "Every metric is identical" in read_file(client, report["run_id"], module.PAGE).decode()
    assert f"/runs/{report['run_id']}/artifacts/reports/reproduction.html" in report["report"]
    assert lines[-1] == "reproduced: every metric is identical"
    assert nth_best(settings, today)["of"] == 1, "a reproduction is no other model"

    log_file(client, made["run_id"], runs.ARCHIVE, b"PK")
    with pytest.raises(NotReleased, match=r"run [0-9a-f]{32} kept cannot be read: .*; the record of the run was altered"):
        reproduce(settings, today, run_id=made["run_id"])


def test_a_model_that_went_on_from_another_begins_with_that_one_again(settings, own, served, split, params):
    base = train(settings, own, split, params, epochs=1)
    client = mlflow_client(settings)
    client.log_metric(base["run_id"], "test_accuracy", 0.9)
    version = register(settings, own, base["run_id"])["version"]
    warm = train(settings, own, split, params, epochs=1, init_from=version)
    client.delete_model_version(own.name, version)
    report = reproduce(settings, own, run_id=warm["run_id"])
    assert report["identical"] and not report["evaluated"]
    assert client.get_run(report["run_id"]).data.params["init_from_run"] == base["run_id"]


def test_a_try_that_was_killed_is_gone_on_with(settings, own, served, split, params, monkeypatch):
    made = train(settings, own, split, params, epochs=1)
    client = mlflow_client(settings)
    client.log_metric(made["run_id"], "test_accuracy", 0.9)
    tags = {"devmlops.kind": "training", "devmlops.project": own.name, "devmlops.key": "k"}
    killed = client.create_run(ensure_experiment(client, runs.experiment(own)), tags=tags).info.run_id

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(module, "evaluate", dies)
        with pytest.raises(KeyboardInterrupt):
            reproduce(settings, own, run_id=made["run_id"], key="k")
    assert client.get_run(killed).info.status == "KILLED"
    monkeypatch.setattr(module, "fit", dies)  # what was trained is not trained again
    monkeypatch.setattr(module, "evaluate", lambda *given: client.log_metric(given[3], "test_accuracy", 0.8))
    report = reproduce(settings, own, run_id=made["run_id"], key="k")
    assert report["evaluated"] and report["differing"] == ["test_accuracy"]
    assert report["largest_difference"] == pytest.approx(0.1)
    monkeypatch.setattr(module, "evaluate", dies)
    assert reproduce(settings, own, run_id=made["run_id"], key="k") == report
    found = client.search_runs([ensure_experiment(client, runs.experiment(own))], "tags.`devmlops.key` = 'k'")
    assert sorted(run.info.status for run in found) == ["FINISHED", "KILLED"]


def test_another_seed_is_told_apart(settings, digits, served, split, params, monkeypatch):
    made = train(settings, digits, split, params, epochs=1)
    kept = module._record
    monkeypatch.setattr(module, "_record", lambda client, run: replace(kept(client, run), seed=99))
    lines = []
    report = reproduce(settings, digits, run_id=made["run_id"], tell=lines.append)
    assert not report["identical"] and report["largest_difference"] > 0 and "train_loss" in report["differing"]
    assert "metrics differ" in lines[-1]


def test_what_cannot_be_reproduced_is_refused(settings, digits, served):
    with pytest.raises(InputError, match="either the run or the model version"):
        reproduce(settings, digits)
    with pytest.raises(InputError, match="no model version 'v77'"):
        reproduce(settings, digits, version="v77")
    with pytest.raises(InputError, match="MLflow has no run"):
        reproduce(settings, digits, run_id="f" * 32)
    client = mlflow_client(settings)
    place = client.create_experiment("reproduce/없음")
    with pytest.raises(InputError, match="is none of digits"):
        reproduce(settings, digits, run_id=client.create_run(place).info.run_id)
    ours = {"devmlops.project": "digits"}
    with pytest.raises(InputError, match="is no training"):
        reproduce(settings, digits, run_id=client.create_run(place, tags=ours).info.run_id)
    begun = client.create_run(place, tags={**ours, "devmlops.kind": "training"}).info.run_id
    with pytest.raises(InputError, match=r"did not finish: its record lacks .*model/params\.json"):
        reproduce(settings, digits, run_id=begun)
    client.log_param(begun, "init_from", "v3")
    with pytest.raises(InputError, match="began with v3, and its record does not say which run"):
        reproduce(settings, digits, run_id=begun)
