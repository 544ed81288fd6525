import json
import time
import uuid

import numpy as np
import pytest

from include.clients.lakefs import DataDenied
from include.clients.mlflow import mlflow_client, read_file
from include.training.code_checks import REPORT as CODE_REPORT
from include.training.code_checks_report import outcome
from include.training.code_checks_tools import finding
from include.training.confirm import checks
from include.training.cost import latency, memory
from include.training.errors import GateError, InputError
from include.training.learners import learner
from include.training.metrics import gate_metric
from include.training.model_tests import REPORT, behaviour, cases, costs, integration, regression, test_model, unit
from include.training.models import load_run
from include.training.train import train


def forest(params):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=20, random_state=0, **params)


def shuffled(rows):
    return rows.assign(laboratory=rows["laboratory"].to_numpy()[::-1])


def swollen(rows):
    return rows.assign(**{name: rows[name] * 3 for name in ("radius", "area", "perimeter")})


def large():
    import pandas as pd

    from include.projects.breast_masses.source import MEASURES

    row = dict(zip(MEASURES, (25.0, 25.0, 170.0, 2000.0, 0.12, 0.25, 0.35, 0.2, 0.25, 0.07), strict=True))
    whose = {"laboratory": "서울", "patient": "환자", "measured_at": pd.Timestamp("2026-01-01", tz="UTC")}
    return pd.DataFrame([row | whose] * 3), ["malignant"] * 3


FUNCTIONS = {"tests:shuffled": shuffled, "tests:swollen": swollen, "tests:large": large}
GROWS = {
    "name": "크면_악성",
    "function": "tests:swollen",
    "kind": "directional",
    "direction": "up",
    "output": "malignant",
    "tolerance": 0.05,
}
INVARIANT = {"name": "laboratory", "function": "tests:shuffled", "max_failed": 0}
ASKED = {"behaviour": [INVARIANT, GROWS], "minimum": [{"name": "large", "function": "tests:large"}]}


@pytest.fixture
def project(building):
    return building(
        "breast_masses", build=forest, functions=FUNCTIONS, tests=ASKED, gate={"beat_baseline": False}, code_checks={"tools": []}
    )


@pytest.fixture
def fitted(project, masses):
    found = learner(project, {}).fit(project, {}, masses, 0, 1)
    found.preparation = masses["train"].preparation
    return found


def test_a_sound_model_passes(project, fitted, masses):
    made = [*unit(project, fitted, {}, masses["test"]), *cases(project, fitted)]
    made += [behaviour(project, fitted, masses["test"], one) for one in project.training.tests.behaviour]
    assert [one["kind"] for one in made] == ["unit"] * 4 + ["minimum", "invariance", "directional"]
    assert all(one["ok"] for one in made), made
    json.dumps(made)


def test_a_model_whose_answers_change_by_themselves_is_found(project, fitted, masses, monkeypatch):
    draw, honest = np.random.default_rng(0), type(fitted).predict
    monkeypatch.setattr(fitted, "predict", lambda inputs: honest(fitted, inputs) + draw.random((len(inputs), 2)) * 1e-3)
    failed = {one["name"] for one in unit(project, fitted, {}, masses["test"]) if not one["ok"]}
    assert "difference of two answers to the same item" in failed
    monkeypatch.setattr(fitted, "predict", lambda inputs: np.full((len(inputs), 2), np.nan, np.float32))
    assert [one["value"] for one in unit(project, fitted, {}, masses["test"])] == [119.0]
    monkeypatch.setattr(fitted, "predict", lambda inputs: np.zeros((len(inputs), 3)))
    assert not unit(project, fitted, {}, masses["test"])[0]["ok"]


def test_an_answer_that_hangs_on_its_company_is_found(project, fitted, masses, monkeypatch):
    honest = type(fitted).predict
    monkeypatch.setattr(fitted, "predict", lambda inputs: honest(fitted, inputs - inputs.mean(0)))
    failed = {one["name"] for one in unit(project, fitted, {}, masses["test"]) if not one["ok"]}
    assert "difference between an item alone and in company" in failed


def test_what_moves_the_wrong_way_fails(building, fitted, masses):
    down = building("breast_masses", functions=FUNCTIONS, tests={"behaviour": [GROWS | {"direction": "down"}]})
    made = behaviour(down, fitted, masses["test"], down.training.tests.behaviour[0])
    assert not made["ok"] and made["value"] > 0.3 and "of 119 items" in made["note"]


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        (lambda rows: rows.iloc[:3], "gave 3 items for 119"),
        (lambda rows: 1 / 0, "training.tests.behaviour.laboratory of breast_masses raised ZeroDivisionError"),
    ],
)
def test_a_function_that_fails_is_named(building, fitted, masses, gives, says):
    project = building("breast_masses", functions={"tests:shuffled": gives}, tests={"behaviour": [INVARIANT]})
    with pytest.raises(InputError, match=says):
        behaviour(project, fitted, masses["test"], project.training.tests.behaviour[0])


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        (lambda: 3, "must give"),
        (lambda: (large()[0], ["암"] * 3), "no classes or actions: 암"),
        (lambda: (large()[0], ["malignant"]), "as many"),
    ],
)
def test_a_case_that_is_none_is_named(building, fitted, gives, says):
    project = building("breast_masses", functions={"tests:large": gives}, tests={"minimum": ASKED["minimum"]})
    with pytest.raises(InputError, match=says):
        cases(project, fitted)


def test_costs_are_measured_and_limited(building, fitted, masses):
    project = building("breast_masses", tests={"max_latency_ms": 1e-6, "max_size_mb": 500})
    made = {one["name"].split(",")[0]: one for one in costs(project, fitted, masses["test"])}
    assert not made["99th percentile of one answer"]["ok"] and made["size of the model"]["ok"]
    assert made["memory of predicting the test part"]["limit"] == "measured"


def test_time_and_memory_are_those_of_the_work():
    class Slow:
        def predict(self, inputs):
            time.sleep(0.01)

    assert 10 <= latency(Slow(), np.zeros((3, 1)), timed=10) < 200

    def greedy():
        kept = np.ones(60 * 2**20, np.uint8)
        time.sleep(0.05)
        return kept.sum()

    assert 40 < memory(greedy) < 120


@pytest.mark.integration
def test_the_outcome_lies_with_the_run_and_gates(settings, building, project, masses, split, monkeypatch):
    monkeypatch.setattr(
        "include.training.parts.load", lambda settings, project, split, names=tuple(masses): {n: masses[n] for n in names}
    )
    client = mlflow_client(settings)
    run_id = train(settings, project, split, {})["run_id"]
    made = test_model(settings, project, split, run_id, lambda line: None)
    assert made["passed"] == len(made["checks"]) and "크면_악성" in read_file(client, run_id, REPORT).decode()
    assert client.get_run(run_id).data.metrics["test_tests_failed"] == 0
    unchecked = {"tools": []}
    strict = building(
        "breast_masses", build=forest, tests={"max_size_mb": 1e-6}, gate={"beat_baseline": False}, code_checks=unchecked
    )
    with pytest.raises(GateError, match=r"size of the model, MB is .*wanted at most 1e-06"):
        test_model(settings, strict, split, run_id, lambda line: None)
    figures = {"accuracy": 0.9, "tests_failed": client.get_run(run_id).data.metrics["test_tests_failed"]}
    assert [one["ok"] for one in checks(strict, figures)] == [True, False]


def test_the_way_of_an_item_is_walked_as_it_is_served(project, fitted, masses, monkeypatch):
    whole, same = integration(project, fitted, masses["test"])
    assert whole["ok"] and same["ok"] and whole["kind"] == "integration"
    export = type(fitted).export
    monkeypatch.setattr(fitted, "export", lambda example, path: export(fitted, example * 0, path))
    monkeypatch.setattr(fitted, "predict", lambda inputs: np.full((len(inputs), 2), 0.5, np.float32))
    assert [one["ok"] for one in integration(project, fitted, masses["test"])] == [True, False]

    def broken(project):
        return lambda outputs: outputs[:, 5]

    monkeypatch.setattr("include.release.inference_code.postprocess_of", broken)
    (failed,) = integration(project, fitted, masses["test"])
    assert not failed["ok"] and "IndexError" in failed["note"] and failed["value"] == 119


@pytest.mark.integration
def test_code_with_errors_gives_no_confirmed_model(settings, building, masses, split, monkeypatch):
    project = building("breast_masses", build=forest, gate={"beat_baseline": False})
    monkeypatch.setattr(
        "include.training.parts.load", lambda settings, project, split, names=tuple(masses): {n: masses[n] for n in names}
    )
    wrong = [finding("mypy", "error", "models.py", 7, "return-value", "got int")]
    monkeypatch.setattr("include.training.code_checks.inspect", lambda settings, project, *given: outcome(project, wrong))
    client = mlflow_client(settings)
    mine = {**split, "split_digest": "sha256:" + uuid.uuid4().hex * 2}
    run_id = train(settings, project, mine, {})["run_id"]
    with pytest.raises(GateError, match=r"errors in the project's code is 1\.0000, wanted 0"):
        test_model(settings, project, mine, run_id, lambda line: None)
    assert b"models.py:7" in read_file(client, run_id, CODE_REPORT)
    figures = {"accuracy": 0.9, "code_errors": client.get_run(run_id).data.metrics["test_code_errors"]}
    assert {"name": "errors in the project's code", "value": 1.0, "limit": "0", "ok": False} in checks(
        project, figures | {"tests_failed": 1}
    )


@pytest.mark.integration
def test_a_step_back_from_the_last_confirmed_model_is_found(settings, building, masses, split, monkeypatch):
    project = building("breast_masses", build=forest, gate={"beat_baseline": False})
    read = []

    def load(settings, project, split, names=tuple(masses)):
        read.append(split["split_digest"])
        return {name: masses[name] for name in names}

    monkeypatch.setattr("include.training.parts.load", load)
    client = mlflow_client(settings)
    good = train(settings, project, {**split, "split_digest": "sha256:" + "cd" * 32}, {})["run_id"]
    name = f"tested_{good[:8]}"
    client.create_registered_model(name)
    version = client.create_model_version(name, f"{client.get_run(good).info.artifact_uri}/model", run_id=good)
    renamed = project.model_copy(update={"name": name})
    fitted = load_run(client, project, good)
    monkeypatch.setattr("include.training.model_tests.load_run", lambda client, project, run_id: fitted)
    assert regression(settings, client, renamed, fitted, "new", masses["test"]) == []  # nothing was confirmed yet
    client.set_registered_model_alias(name, "confirmed", version.version)
    assert regression(settings, client, renamed, fitted, good, masses["test"]) == []
    (same,) = regression(settings, client, renamed, fitted, "new", masses["test"])
    assert same["ok"] and same["value"] == 0 and read[-1] == "sha256:" + "cd" * 32  # on the test part of the confirmed one

    class Constant:
        preparation = masses["train"].preparation

        def predict(self, inputs):
            return np.tile(np.float32([0.9, 0.1]), (len(inputs), 1))

    (worse,) = regression(settings, client, renamed, Constant(), "new", masses["test"])
    assert not worse["ok"] and worse["value"] > 0.1 and gate_metric(renamed).name in worse["name"]

    def closed(settings, project, split, names):
        raise DataDenied("digits-ops", "no credential for the ops data zone", "Data of this zone stays closed")

    monkeypatch.setattr("include.training.model_tests.data.load", closed)
    (here,) = regression(settings, client, renamed, fitted, "new", masses["test"])
    assert here["ok"] and here["value"] == 0 and "this run's test part" in here["note"]
