"""Releases of other tasks than classification, and of estimators: measured, compared, tried and told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.projects import answers, load_project
from include.release.errors import ReleaseError
from include.release.judge import judge
from include.release.optimise import TestRows, optimise_module
from include.release.parity import Answers, compare, trained_answers
from include.release.smoke import smoke_test
from include.release.staging import send_rows
from include.release.summary import _compared, _evaluation
from include.training.clustering import Clusters
from include.training.estimators import Estimator
from include.training.reduction import Projection


def once(calls: Mapping[str, Callable[[], object]]) -> dict[str, dict[str, float]]:
    """Call each once, where time is not what a test is about."""
    for call in calls.values():
        call()
    return {name: {"p50_ms": 1.0, "p99_ms": 1.0, "calls": 1} for name in calls}


def fitted(task: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """A small estimator of a task, rows, and their true answers."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier

    rows = np.random.default_rng(5).normal(size=(120, 4)).astype(np.float32)
    numbers = rows[:, 0] * 3 + rows[:, 1] ** 2
    classes = (numbers > 1).astype(np.int64)
    if task == "classification":
        return Estimator(RandomForestClassifier(21, random_state=0).fit(rows, classes), "classification", [], 0), rows, classes
    if task == "regression":
        found = Estimator(GradientBoostingRegressor(n_estimators=30, random_state=0).fit(rows, numbers), "regression", [], 0)
        return found, rows, numbers
    if task == "clustering":
        return Clusters(KMeans(3, random_state=0, n_init=1).fit(rows), "clustering", [], 0), rows, np.zeros(120)
    return Projection(PCA(2).fit(rows), "reduction", [], 0), rows, np.zeros(120)


@pytest.mark.parametrize(
    ("task", "figure"),
    [("classification", "accuracy"), ("regression", "r2"), ("clustering", "agreement"), ("reduction", "agreement")],
)
def test_an_estimator_of_any_task_is_measured_and_answers_alike_as_onnx(
    tmp_path: Path, task: str, figure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.clients import onnx as onnx_model

    monkeypatch.setattr("include.release.optimise.measure", once)

    model, rows, truth = fitted(task)
    post = answers.postprocess(task)
    report = optimise_module(model, rows, TestRows(rows, truth, post, task), tmp_path, quantise="int8")
    assert report["figure"] == figure and report["fp32"][figure] == pytest.approx(report["trained"][figure], abs=1e-6)
    assert report["trained"][figure] > 0.9 and report["chosen"] in ("fp32", "int8") and report["reason"]
    assert (report["calibration_rows"] == 120) == ("int8" in report)
    outputs = model.predict(rows)
    trained = Answers.of(answers.trained(outputs, task) or post(outputs.reshape(len(rows), -1)))
    served = Answers.of(post(onnx_model.run(onnx_model.session(tmp_path / "model.fp32.onnx"), rows)))
    ways = {"trained": trained, "fp32": served, "chosen": served, "triton": served}
    found = compare(ways, truth, "fp32", 1e-3, 0.01, task)
    assert found["ok"] and found[figure]["triton"] == pytest.approx(found[figure]["trained"], abs=1e-6)
    off = Answers(served.labels, served.probabilities + np.float32(0.5))
    found = compare({**ways, "triton": off}, truth, "fp32", 1e-3, 0.01, task)
    assert not found["ok"] and "chosen and triton" in found["problems"][0]


def test_a_quantised_form_that_takes_no_single_row_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.clients import onnx as onnx_model

    run = onnx_model.run

    def refuses(session: Any, rows: np.ndarray) -> np.ndarray:
        if len(rows) == 1:
            raise ValueError("expected 120 rows")
        return run(session, rows)

    monkeypatch.setattr("include.release.optimise.measure", once)
    monkeypatch.setattr(onnx_model, "quantise", lambda source, rows, path: path.write_bytes(source.read_bytes()))
    monkeypatch.setattr(onnx_model, "run", refuses)
    model, rows, truth = fitted("regression")
    post = answers.postprocess("regression")
    report = optimise_module(model, rows, TestRows(rows, truth, post, "regression"), tmp_path, quantise="int8")
    assert report["chosen"] == "fp32" and "expected 120 rows" in report["reason"] and "int8" not in report
    assert not (tmp_path / "model.int8.onnx").exists()


def test_a_model_that_cannot_be_quantised_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise NotImplementedError("no such operator\nand more")

    monkeypatch.setattr("include.clients.onnx.quantise", fails)
    monkeypatch.setattr("include.release.optimise.measure", once)
    model, rows, truth = fitted("regression")
    report = optimise_module(model, rows, TestRows(rows, truth, answers.postprocess("regression"), "regression"), tmp_path)
    assert report["chosen"] == "fp32" and "NotImplementedError: no such operator" in report["reason"] and "int8" not in report


def test_a_quantised_regression_may_lose_a_little_and_no_more() -> None:
    truth = np.arange(20.0)
    good = Answers(np.zeros(20, np.int32), truth[:, None].astype(np.float32))
    near, far = (Answers(good.labels, good.probabilities + np.float32(by)) for by in (0.1, 3))
    for chosen, ok in ((near, True), (far, False)):
        found = compare(
            {"trained": good, "fp32": good, "chosen": chosen, "triton": chosen}, truth, "int8", 1e-3, 0.01, "regression"
        )
        assert found["ok"] == ok
    assert "r2 1.0000 -> 0.7293, allowed to lose 0.01" in found["problems"][0]


def test_figures() -> None:
    truth = np.array([1.0, 2.0, 3.0])
    assert judge("regression", {"VALUE": np.array([[1.0], [2.0], [3.0]])}, truth, {}) == 1
    assert judge("regression", {"VALUE": np.full((3, 1), 2.0)}, truth, {}) == 0
    one = {"LABEL": np.array([[0], [1]], np.int32), "MEMBERSHIPS": np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)}
    assert judge("clustering", one, truth, one) == 1
    assert judge("clustering", {**one, "LABEL": np.array([[0], [0]], np.int32)}, truth, one) == 0.5


def test_the_trained_models_shares_are_no_logits() -> None:
    shares = np.array([[0.1, 0.9], [0.6, 0.4]], np.float32)
    project = load_project("flower_groups")
    found = trained_answers(project, shares)
    assert found.labels.tolist() == [1, 0] and found.probabilities is shares


class Ap:
    """An AP that answers numbers."""

    def __init__(self, off: float) -> None:
        self.off = off

    def infer(self, project: str, inputs: list[Any], route: str) -> dict[str, Any]:
        return {"release_id": "r1", "predictions": [{"value": inputs[0][0][0] + self.off}]}


def test_staging_of_a_regression_looks_at_the_error() -> None:
    project = load_project("co2_levels")
    contents = np.zeros((30, 12, 2), np.float32)
    contents[:, 0, 0] = truth = np.linspace(300, 330, 30)
    report = send_rows(Ap(0.5), project, "r1", contents, truth)  # type: ignore[arg-type]
    assert report["ok"] and report["mean_absolute_error"] == pytest.approx(0.5, abs=1e-4) and "accuracy" not in report
    assert "mean absolute error 9 of 30 rows, wanted at most" in send_rows(Ap(9), project, "r1", contents, truth)["problems"][0]  # type: ignore[arg-type]
    strict = project.model_copy(update={"release": project.release.model_copy(update={"staging_max_error": 0.1})})
    assert "at most 0.1 (release.staging_max_error)" in send_rows(Ap(0.5), strict, "r1", contents, truth)["problems"][0]  # type: ignore[arg-type]


class Server:
    """A model server that answers by the sum of what it gets, spoilt for single rows where asked."""

    def __init__(self, spoilt: float = 0.0) -> None:
        self.spoilt = spoilt

    def infer(self, name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = inputs["INPUT"]
        value = rows.reshape(len(rows), -1).sum(axis=1, keepdims=True).astype(np.float32)
        return {"VALUE": value + np.float32(self.spoilt * (len(rows) == 1))}


def test_smoke_test_of_a_regression() -> None:
    project = load_project("co2_levels")
    assert smoke_test(Server(), project, "r1")["rows"] == 16  # type: ignore[arg-type]
    with pytest.raises(ReleaseError, match="a row alone gets another answer"):
        smoke_test(Server(9.0), project, "r1")  # type: ignore[arg-type]
    with pytest.raises(ReleaseError, match="wanted a dict of LABEL and MEMBERSHIPS, not VALUE"):
        smoke_test(Server(), project.model_copy(update={"task": "clustering"}), "r1")  # type: ignore[arg-type]


def test_the_approval_form_shows_the_figures_of_any_task() -> None:
    metrics = {
        "mean_absolute_error": 0.51,
        "mean_absolute_error_low": 0.4,
        "mean_absolute_error_high": 0.6,
        "r2": 0.98,
        "rows": 30,
    }
    lines = list(_evaluation({"1": {"metrics": metrics}, "2": {"metrics": {"rows": 30}}}))
    assert "| mean absolute error | 0.51 (0.4 to 0.6) | - |" in lines and "| r2 | 0.98 | - |" in lines


@pytest.mark.parametrize(("metric", "told"), [("accuracy", "0.972 (0.950 to 0.990)"), ("rmse", "0.972 (0.95 to 0.99)")])
def test_an_approver_sees_the_four_results_by_the_metric_that_decided(metric: str, told: str) -> None:
    cell = {metric: 0.972, "low": 0.95, "high": 0.99, "n": 40}
    names = [f"{who}_{part}" for who in ("current", "candidate") for part in ("old", "new")]
    found = {"cells": dict.fromkeys(names, cell), "decision": "accept", "reasons": ["a sure gain"]}
    lines = list(_compared(found | ({} if metric == "accuracy" else {"metric": metric})))
    assert f"| {metric} | old data | new data |" in lines
    assert f"| candidate model | {told} | {told} |" in lines
