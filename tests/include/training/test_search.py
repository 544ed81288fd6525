"""Every way to search, on a real Ray cluster."""

import json
import shutil
import time
from pathlib import Path

import pytest

from include.clients.mlflow import MlflowError, ensure_experiment, find_runs, mlflow_client, read_file
from include.projects import load_project
from include.projects.tuning import Budget, Family, Range
from include.training import train, trial_log
from include.training.errors import InputError
from include.training.tune import tune

DIGITS = Path(__file__).resolve().parents[3] / "include" / "projects" / "digits"
pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("one_ray")]


@pytest.fixture
def project_with(digits):
    def made(families=None, **tuning):
        wish = digits.training.tuning.model_copy(update=tuning)
        training = digits.training.model_copy(update={"tuning": wish, "families": families or {}})
        return digits.model_copy(update={"training": training})

    return made


TWOS = """
def unlike_two(labels, outputs):
    return float((outputs[:, 2] ** 2)[labels != 2].mean())
"""


@pytest.fixture
def with_metric(project_with, tmp_path):
    """Give digits, with a metric of its own, as a project of another name."""
    folder = tmp_path / "projects" / "measured"
    shutil.copytree(DIGITS, folder)
    file = folder / "project.yaml"
    own = "name: measured\nmetrics:\n  둘_아님: {function: 'twos:unlike_two', direction: min}\n"
    file.write_text(file.read_text().replace("name: digits\n", own, 1))
    (folder / "twos.py").write_text(TWOS)
    return load_project("measured", tmp_path / "projects")


def test_a_grid_decided_by_a_metric_of_the_project(settings, with_metric, served, split):
    space = {"channels": Range(choices=[4, 8]), "learning_rate": Range(choices=[0.001, 0.003])}
    wish = {"search": "grid", "space": space, "metric": "validation_둘_아님"}
    training = with_metric.training.model_copy(update={"tuning": with_metric.training.tuning.model_copy(update=wish)})
    found = tune(settings, with_metric.model_copy(update={"training": training}), split, epochs=2)
    assert sorted((t["params"]["channels"], t["params"]["learning_rate"]) for t in found["trials"]) == [
        (4, 0.001),
        (4, 0.003),
        (8, 0.001),
        (8, 0.003),
    ]
    assert found["metric"] == "validation_둘_아님"
    assert found["best"]["value"] == min(t["value"] for t in found["trials"]) < 1
    names = {one.path for one in mlflow_client(settings).list_artifacts(found["parent_run_id"], "plots")}
    assert names >= {"plots/history.png", "plots/parallel_coordinates.png", "plots/importance.png"}


def test_bayesian_with_families(settings, project_with, served, split):
    families = {
        "small": Family(model="model:build", space={"channels": Range(choices=[4])}),
        "large": Family(model="model:build", space={"channels": Range(choices=[16])}),
    }
    space = {"learning_rate": Range(low=0.0005, high=0.01, log=True)}
    project = project_with(families, search="bayesian", space=space, early_stopping=False)
    found = tune(settings, project, split, trials=6, epochs=2)
    assert len(found["trials"]) == 6 and {t["params"]["family"] for t in found["trials"]} <= {"small", "large"}
    assert {t["state"] for t in found["trials"]} == {"finished"}
    assert found["best"]["value"] == max(t["value"] for t in found["trials"])


PACED = """
import time

from include.projects.digits.model import build as quick


def build(params):
    time.sleep(2)
    return quick(params)
"""


@pytest.fixture
def paced(tmp_path):
    """Give digits as a project of another name, whose stretches of training take so long that two members live at once."""
    folder = tmp_path / "projects" / "paced"
    shutil.copytree(DIGITS, folder)
    file = folder / "project.yaml"
    file.write_text(file.read_text().replace("name: digits\n", "name: paced\n", 1).replace("model:build", "slow:build"))
    (folder / "slow.py").write_text(PACED)
    return load_project("paced", tmp_path / "projects")


def test_a_population_changes_what_may_change(settings, paced, served, split):
    space = {"learning_rate": Range(low=0.00001, high=0.01, log=True), "channels": Range(choices=[8])}
    wish = {"search": "population", "mutate": ["learning_rate"], "space": space, "workers": 2}
    training = paced.training.model_copy(update={"tuning": paced.training.tuning.model_copy(update=wish)})
    lines: list[str] = []
    found = tune(settings, paced.model_copy(update={"training": training}), split, trials=4, epochs=8, tell=lines.append)
    assert any(line.startswith("2 of 4 members live at once") for line in lines)
    assert len(found["trials"]) == 4 and {t["state"] for t in found["trials"]} == {"finished"}
    assert found["best"]["value"] > 0.5 and found["best"]["params"]["channels"] == 8
    client = mlflow_client(settings)
    changed = 0
    for row in found["trials"]:
        run = client.get_run(row["run_id"])
        changes = json.loads(run.data.tags.get("devmlops.changes", "[]"))
        assert all(0 < begin < row["epochs"] for begin, _ in changes)  # a member begins with its own point
        ended = {**json.loads(run.data.tags["devmlops.point"]), **(changes[-1][1] if changes else {})}
        assert row["params"] == ended and 0.00001 <= ended["learning_rate"] <= 0.01
        changed += bool(changes)
    assert changed  # a member that lags behind takes over a better one, from one stretch to the next


def test_a_target_ends_the_whole_search(settings, project_with, served, split):
    project = project_with(budget=Budget(target=0.2), early_stopping=False)
    found = tune(settings, project, split, trials=6, epochs=30)
    assert found["best"]["value"] >= 0.2
    assert len(found["trials"]) < 6 or all(t["epochs"] < 30 for t in found["trials"])


def test_a_budget_of_time_ends_the_search(settings, project_with, served, split):
    project = project_with(budget=Budget(minutes=0.4), early_stopping=False, workers=1)
    begin = time.monotonic()
    found = tune(settings, project, split, trials=500, epochs=20)
    assert time.monotonic() - begin < 120 and 0 < len(found["trials"]) < 500 and found["best"]["value"] > 0.3


@pytest.mark.parametrize(("asked", "why"), [({"gpu": 2}, "gpu: 2, .* has 1"), ({"cpu": 3, "gpu": 0.5}, "cpu: 3, .* has 2")])
def test_a_trial_that_no_machine_can_hold_is_refused(settings, project_with, served, split, monkeypatch, asked, why):
    monkeypatch.setattr("include.training.search._gpus", lambda settings, asked: 1)
    project = project_with(resources=type(project_with().training.tuning.resources)(**asked))
    with pytest.raises(InputError, match=rf"a trial asks for {why}; lower training\.tuning\.resources"):
        tune(settings, project, split, trials=1, epochs=1)


def test_gpus_that_are_not_there(settings, project_with, served, split):
    resources = type(project_with().training.tuning.resources)(gpu=0.5)
    with pytest.raises(InputError, match="asks for GPUs"):
        tune(settings, project_with(resources=resources), split, trials=1, epochs=1)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_trials_share_a_gpu_by_the_fraction_that_they_ask_for(settings, project_with, served, split, monkeypatch, share):
    monkeypatch.setattr("include.training.search._gpus", lambda settings, asked: 1)
    resources = type(project_with().training.tuning.resources)(gpu=share)
    project = project_with(resources=resources, workers=2, early_stopping=False)
    found = tune(settings, project, split, trials=2, epochs=12)
    runs = [mlflow_client(settings).get_run(t["run_id"]).info for t in found["trials"]]
    first, second = sorted((run.start_time, run.end_time) for run in runs)
    assert (second[0] < first[1]) == (share == 0.5)


def test_trials_begin_as_the_training_will(settings, project_with, served, split, params, monkeypatch):
    first = train(settings, project_with(), split, {**params, "hidden": 32}, epochs=2)
    client = mlflow_client(settings)
    found = {"run_id": first["run_id"], "version": "3"}
    monkeypatch.setattr("include.training.origin.model_info", lambda settings, project, version: {"v3": found}[version])
    space = {"hidden": Range(choices=[64, 128]), "learning_rate": Range(choices=[1e-9, 2e-9])}
    lines = []
    found = tune(settings, project_with(space=space), split, trials=8, epochs=1, init_from="v3", tell=lines.append)
    assert "trials begin with the weights of v3, which fixes " in lines[0] and "hidden 32" in lines[0]
    assert "the space has 2 points: 2 trials, not 8, for none is tried twice" in lines
    assert sorted(t["params"]["learning_rate"] for t in found["trials"]) == [1e-9, 2e-9]
    assert {t["value"] for t in found["trials"]} == {first["metrics"]["validation_accuracy"]}
    assert found["best"]["params"] == {
        **{name: params[name] for name in ("channels", "dropout")},
        "hidden": 32,
        "learning_rate": found["best"]["params"]["learning_rate"],
    }
    run = client.get_run(found["best"]["run_id"])
    assert (run.data.params["hidden"], run.data.params["init_from_run"]) == ("32", first["run_id"])


def test_a_search_whose_mlflow_was_away_goes_on(settings, project_with, served, split, monkeypatch):
    """It is back before the runs are closed."""
    from mlflow.exceptions import MlflowException

    log, calls = trial_log.log_history, []

    def away(client, run_id, history):
        calls.append(run_id)
        if len({*calls}) == 3 and "back" not in calls:
            calls.append("back")
            raise MlflowException("API request failed: HTTPConnectionPool: Max retries exceeded with url")
        log(client, run_id, history)

    monkeypatch.setattr(trial_log, "log_history", away)
    project = project_with(workers=1, early_stopping=False)
    with pytest.raises(MlflowError, match="cannot search hyperparameters of digits: the server does not answer"):
        tune(settings, project, split, key="away", trials=4, epochs=1)
    client = mlflow_client(settings)
    place = ensure_experiment(client, "digits/training")
    (parent,) = find_runs(client, place, {"devmlops.key": "away"})
    trials = find_runs(client, place, {"mlflow.parentRunId": parent.info.run_id})
    assert parent.info.status == "KILLED" and sorted(t.info.status for t in trials) == ["FINISHED", "FINISHED", "KILLED"]
    lines = []
    found = tune(settings, project, split, key="away", trials=4, epochs=1, tell=lines.append)
    assert "search goes on: 2 of 4 trials were done before" in lines and found["parent_run_id"] == parent.info.run_id
    done = {t.info.run_id for t in trials if t.info.status == "FINISHED"}
    assert len(found["trials"]) == 4 and done < {t["run_id"] for t in found["trials"]}


LOSSY = """
import os, signal
from pathlib import Path

def build(params):
    from torch import nn

    if params["channels"] == 4:
        raise ValueError("너무 좁다")
    mark = Path({mark!r})
    if params["channels"] == 8 and mark.stat().st_size < 2:
        mark.write_text(mark.read_text() + "x")
        os.kill(os.getpid(), signal.SIGKILL)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
"""


@pytest.fixture
def lossy(tmp_path):
    """Give a project whose model loses its worker twice at 8 channels, and raises at 4."""
    shutil.copytree(DIGITS, tmp_path / "projects" / "lossy")
    for name, old, new in (("project.yaml", "name: digits", "name: lossy"), ("model.py", None, LOSSY)):
        file = tmp_path / "projects" / "lossy" / name
        file.write_text(file.read_text().replace(old, new) if old else new.format(mark=str(tmp_path / "mark")))
    (tmp_path / "mark").touch()
    return load_project("lossy", tmp_path / "projects")


def test_a_trial_that_lost_its_worker_begins_anew_and_one_that_raised_does_not(settings, lossy, served, split):
    space = {"channels": Range(choices=[4, 8, 16])}
    tuning = lossy.training.tuning.model_copy(update={"search": "grid", "space": space, "early_stopping": False})
    project = lossy.model_copy(update={"training": lossy.training.model_copy(update={"tuning": tuning})})
    lines = []
    found = tune(settings, project, split, epochs=2, tell=lines.append)
    assert {t["params"]["channels"]: t["state"] for t in found["trials"]} == {4: "failed", 8: "finished", 16: "finished"}
    assert {t["epochs"] for t in found["trials"] if t["state"] == "finished"} == {2}
    assert sum("lost its worker: it begins anew" in line for line in lines) == 2
    (raised,) = [t for t in found["trials"] if t["state"] == "failed"]
    assert next(line for line in lines if "failed after 0 epochs" in line).endswith("너무 좁다")
    client = mlflow_client(settings)
    assert "in build" in read_file(client, raised["run_id"], "error.txt").decode()
    assert client.get_run(raised["run_id"]).info.status == "FAILED"


@pytest.mark.parametrize("search", ["population", "bayesian"])
def test_what_raises_fails_alone_whatever_the_search(settings, lossy, served, split, search):
    space = {"channels": Range(choices=[4, 16]), "learning_rate": Range(low=0.001, high=0.01, log=True)}
    wish = {"search": search, "space": space, "mutate": ["learning_rate"] if search == "population" else []}
    tuning = lossy.training.tuning.model_copy(update=wish)
    project = lossy.model_copy(update={"training": lossy.training.model_copy(update={"tuning": tuning})})
    found = tune(settings, project, split, trials=4, epochs=4)
    states = {(t["params"]["channels"], t["state"] == "failed") for t in found["trials"]}
    assert len(found["trials"]) == 4 and states == {(4, True), (16, False)}
