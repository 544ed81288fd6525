import json
import sys
import uuid
from types import SimpleNamespace

import pytest

from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client, read_file
from include.errors import FinalError
from include.settings import Settings
from include.training.comparison import compare_runs
from include.training.errors import InputError, TrainingError, TrainingFailed
from include.training.trial import ERROR
from include.training.trial_log import TrialLog
from include.training.tune import tune


@pytest.mark.integration
def test_every_trial_is_a_run_under_one_parent(settings, digits, served, split):
    client = mlflow_client(settings)
    experiment_id = ensure_experiment(client, "digits/training")
    tags = {"devmlops.kind": "tuning", "devmlops.key": "run 1"}
    dead = client.create_run(experiment_id, tags=tags).info.run_id
    orphan = client.create_run(experiment_id, tags={"mlflow.parentRunId": dead}).info.run_id
    lines = []
    found = tune(settings, digits, split, author="minji", key="run 1", trials=4, epochs=4, tell=lines.append)

    # of other code: closed, and not taken up
    assert {client.get_run(r).info.status for r in (dead, orphan)} == {"KILLED"}
    assert found["parent_run_id"] != dead
    trials = find_runs(client, experiment_id, {"mlflow.parentRunId": found["parent_run_id"]})
    assert len(trials) == len(found["trials"]) == 4
    assert {run.info.status for run in trials} == {"FINISHED"}
    for row in found["trials"]:
        run = client.get_run(row["run_id"])
        assert run.data.params == {k: str(v) for k, v in {**row["params"], "seed": 7, "init_from": "random"}.items()}
        assert run.data.tags["devmlops.state"] == row["state"]
        assert row["state"] == ("finished" if row["epochs"] == 4 else "stopped early")
        points = client.get_metric_history(row["run_id"], "validation_accuracy")
        assert [p.step for p in points] == list(range(1, row["epochs"] + 1))
        assert max(p.value for p in points) == row["value"]
    assert found["best"]["value"] == max(row["value"] for row in found["trials"])
    assert any(line.startswith("trial 3/4 epoch 1 validation_accuracy 0.") for line in lines)
    parent = client.get_run(found["parent_run_id"])
    given = ("devmlops.project", "data_version", "data_commit", "split_digest", "code_digest", "project_code")
    assert all(run.data.tags[name] == parent.data.tags[name] for run in trials for name in given)
    assert {run.data.tags["devmlops.kind"] for run in trials} == {"trial"}
    assert not any("devmlops.key" in run.data.tags for run in trials)
    first, second = found["trials"][:2]
    _, told = compare_runs(settings, digits, [first["run_id"], second["run_id"]])
    other = {name for name, value in first["params"].items() if second["params"][name] != value}
    assert {name for name in told["different"] if not name.startswith("metrics.")} == {f"params.{name}" for name in other}
    assert parent.info.status == "FINISHED" and parent.data.tags["split_digest"] == split["split_digest"]
    assert json.loads(read_file(client, found["parent_run_id"], "tuning.json")) == found
    assert not list((settings.home / "ray").glob("*"))

    assert tune(settings, digits, split, key="run 1") == found  # done already: nothing runs


@pytest.mark.integration
def test_trials_that_all_fail_are_named_with_their_cause(settings, digits, served, split):
    training = digits.training
    space = {"channels": type(training.tuning.space["channels"])(choices=[0, -1])}
    tuning = training.tuning.model_copy(update={"space": space})
    broken = digits.model_copy(update={"training": training.model_copy(update={"tuning": tuning})})
    with pytest.raises(TrainingError, match=r"none of 2 trials gave a model.*channels") as failed:
        tune(settings, broken, split, key="broken search", trials=2, epochs=2)
    assert isinstance(failed.value, FinalError)  # the same code would raise again
    client = mlflow_client(settings)
    (parent,) = find_runs(client, ensure_experiment(client, "digits/training"), {"devmlops.key": "broken search"})
    assert parent.info.status == "FAILED"
    trials = find_runs(client, parent.info.experiment_id, {"mlflow.parentRunId": parent.info.run_id})
    assert {run.info.status for run in trials} == {"FAILED"}


@pytest.mark.integration
@pytest.mark.parametrize(("raised", "lost"), [([], ["its worker died"]), (["KeyError: 폭"], ["its worker died"]), ([], [])])
def test_a_search_without_workers_or_time_may_be_tried_again(settings, digits, served, split, monkeypatch, raised, lost):
    def run(settings, project, arrays, left, count, most, log, *more):
        log.errors += raised
        return [*raised, *lost]

    monkeypatch.setattr(sys.modules["include.training.tune"], "run", run)
    with pytest.raises(TrainingFailed, match=r"none of 2 trials gave a model; the first error: ") as failed:
        tune(settings, digits, split, trials=2, epochs=1, tell=lambda line: None)
    assert not isinstance(failed.value, FinalError)


@pytest.mark.integration
def test_a_space_that_leaves_nothing_to_choose_makes_one_trial(settings, digits, served, split, monkeypatch):
    def run(settings, project, arrays, left, count, epochs, log, start, on_gone):
        for place, point in enumerate(left):
            log.start(str(place), point)
            log.result(str(place), epoch(1, 0.5))
            log.finish(str(place))
        return []

    monkeypatch.setattr(sys.modules["include.training.tune"], "run", run)
    tuning = digits.training.tuning.model_copy(update={"space": {}})
    project = digits.model_copy(update={"training": digits.training.model_copy(update={"tuning": tuning})})
    lines: list[str] = []
    found = tune(settings, project, split, trials=8, epochs=1, tell=lines.append)
    assert lines[0] == "training.tuning.space leaves nothing to choose: one trial, not 8, for all would be the same"
    assert len(found["trials"]) == 1 and found["best"]["params"] == {}
    assert mlflow_client(settings).get_run(found["parent_run_id"]).data.params["trials"] == "1"


def test_a_metric_that_training_does_not_measure_is_refused_before_anything_starts(digits, split):
    tuning = digits.training.tuning.model_copy(update={"metric": "beauty"})
    wrong = digits.model_copy(update={"training": digits.training.model_copy(update={"tuning": tuning})})
    with pytest.raises(InputError, match=r"training\.tuning\.metric"):
        tune(Settings(mlflow_url="http://127.0.0.1:9"), wrong, split)


class Server:
    """Takes what a trial log writes."""

    def __init__(self) -> None:
        self.points: list[tuple[str, int]] = []
        self.params: dict[tuple[str, str], str] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.ended: dict[str, str] = {}
        self.calls = 0

    def create_run(self, experiment_id, tags, run_name):
        self.tags |= {(run_name, key): value for key, value in tags.items()}
        return SimpleNamespace(info=SimpleNamespace(run_id=run_name))

    def log_batch(self, run_id, metrics=(), params=(), tags=()):
        self.calls += bool(metrics)
        self.params |= {(run_id, one.key): one.value for one in params}
        self.points += [(m.key, m.step) for m in metrics]

    def set_tag(self, run_id, key, value):
        self.tags[run_id, key] = value

    def log_text(self, run_id, text, path):
        self.kept = {(run_id, path): text}

    def set_terminated(self, run_id, status):
        self.ended[run_id] = status


def epoch(number: int, accuracy: float, loss: float = 1.0) -> dict[str, float]:
    measured = {"train_loss": loss, "validation_loss": loss, "validation_accuracy": accuracy, "validation_macro_f1": accuracy}
    return {"epoch": number, **measured}


def test_metrics_of_a_trial_go_in_batches_and_none_is_lost():
    server = Server()
    log = TrialLog(server, "1", "parent", 2, 50, "validation_accuracy", "max", lambda line: None)  # type: ignore[arg-type]
    log.start("a", {})
    for number in range(1, 51):
        log.result("a", epoch(number, 0.5))
    log.finish("a")
    assert {step for key, step in server.points if key == "train_loss"} == set(range(1, 51))
    assert server.calls <= 3 and log.trials["a"].state == "finished"


@pytest.mark.integration
@pytest.mark.parametrize("status", [None, "KILLED"])
def test_a_trial_whose_search_was_killed_while_its_run_was_being_closed_is_done(settings, status, monkeypatch):
    client = mlflow_client(settings)
    place = ensure_experiment(client, f"digits/{uuid.uuid4().hex}")
    parent = client.create_run(place).info.run_id

    def log() -> TrialLog:
        return TrialLog(client, place, parent, 2, 2, "validation_accuracy", "max", lambda line: None)

    cut = log()
    for key in ("a", "b"):
        cut.start(key, {"channels": 4})
        cut.result(key, epoch(1, 0.5))
    cut.result("a", epoch(2, 0.75))
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(TrialLog, "_end", lambda *rest: sys.exit(143))
        cut.finish("a")
    first = cut.trials["a"].run_id
    if status:
        client.set_terminated(first, status)

    again = log()
    again.recall()
    assert [(t.run_id, t.state, len(t.history)) for t in again.trials.values()] == [(first, "finished", 2)]
    run = client.get_run(first)
    assert run.info.status == "FINISHED" and run.data.metrics["best_validation_accuracy"] == 0.75
    assert client.get_run(cut.trials["b"].run_id).info.status == "KILLED"


def test_the_best_trial_is_the_one_with_the_best_epoch():
    server = Server()
    log = TrialLog(server, "1", "parent", 4, 3, "validation_accuracy", "max", lambda line: None)  # type: ignore[arg-type]
    for key, rows in {"a": [0.9, 0.95], "b": [0.97, 0.5, 0.5], "c": [0.97, 0.5, 0.5], "d": [0.99]}.items():
        log.start(key, {"key": key})
        for number, accuracy in enumerate(rows, 1):
            log.result(key, epoch(number, accuracy, loss=0.1 if key == "c" else 0.2))
    for key in ("a", "b", "c"):
        log.finish(key)
    log.fail("d")
    best = log.best()
    assert best and best.params == {"key": "c"}  # same accuracy as b, lower loss; d failed
    assert log.trials["a"].state == "stopped early"
    log.start("e", {})
    log.abandon()
    assert server.ended["trial 5"] == "KILLED" and server.ended["trial 4"] == "FAILED"


def test_the_log_tells_how_far_a_search_is(monkeypatch):
    monkeypatch.setattr("include.training.trial_log.TELL_S", 1e9)
    lines: list[str] = []
    log = TrialLog(Server(), "1", "parent", 4, 3, "validation_accuracy", "max", lines.append)  # type: ignore[arg-type]
    for key, accuracy in (("a", 0.5), ("b", 0.75)):
        log.start(key, {})
        for number in (1, 2, 3):
            log.result(key, epoch(number, accuracy))
    log.finish("b")
    assert [line for line in lines if " epoch " in line] == [
        "trial 1/4 epoch 1 validation_accuracy 0.5000", "trial 2/4 epoch 1 validation_accuracy 0.7500",
    ]  # fmt: skip
    assert lines[-2] == "trial 2/4 finished after 3 epochs: validation_accuracy 0.7500"
    assert lines[-1].startswith("1 of 4 trials done, 1 running; best so far: trial 2 with validation_accuracy 0.7500; about ")
    log.fail("a")
    assert lines[-1].startswith("2 of 4 trials done, 0 running; best so far: trial 2") and lines[-1].endswith(" left")


def test_the_log_of_a_trial_whose_code_raised_and_of_one_that_lost_its_worker():
    server, lines = Server(), []
    log = TrialLog(server, "1", "parent", 2, 3, "validation_accuracy", "max", lines.append)  # type: ignore[arg-type]
    log.start("a", {})
    log.result("a", epoch(1, 0.5))
    log.result("a", {ERROR: "Traceback ...\nValueError: 폭이 0입니다\n"})
    log.finish("a")  # Ray knows of no error
    assert server.ended == {"trial 1": "FAILED"} and log.errors == ["ValueError: 폭이 0입니다"] and log.best() is None
    assert server.kept == {("trial 1", "error.txt"): "Traceback ...\nValueError: 폭이 0입니다\n"}
    assert "trial 1/2 failed after 1 epochs: ValueError: 폭이 0입니다" in lines

    log.start("b", {})
    log.result("b", epoch(1, 0.9))
    log.lost("b", keeps=False)
    log.start("b", {})
    log.result("b", epoch(1, 0.6))
    assert [one["validation_accuracy"] for one in log.trials["b"].history] == [0.6]
    log.lost("b", keeps=True)
    log.result("b", epoch(2, 0.7))
    log.finish("b")
    assert len(log.trials["b"].history) == 2 and server.ended["trial 2"] == "FINISHED"
    assert [line for line in lines if "lost its worker" in line] == [
        "trial 2/2 lost its worker: it begins anew",
        "trial 2/2 lost its worker: it goes on",
    ]


def test_what_a_member_of_a_population_ended_with_stands_on_its_run():
    server = Server()
    log = TrialLog(server, "1", "parent", 1, 4, "validation_accuracy", "max", lambda line: None)  # type: ignore[arg-type]
    log.start("a", {"learning_rate": 0.001, "channels": 8})
    for number, rate in ((2, 0.001), (4, 0.0012)):
        log.result("a", epoch(number, 0.5), {"learning_rate": rate, "channels": 8})
    log.finish("a")
    assert server.tags["trial 1", "devmlops.changes"] == '[[1, {"learning_rate": 0.0012}]]'
    assert server.params["trial 1", "ended_learning_rate"] == "0.0012" and ("trial 1", "ended_channels") not in server.params
