import math

import numpy as np
import pytest
from pydantic import ValidationError

from include.projects.metrics import BUILT_IN
from include.projects.tasks import UNLABELLED
from include.training.errors import InputError
from include.training.evaluate import measure
from include.training.gate import checks
from include.training.metrics import FUNCTIONS, calibration, gate_metric, metric_of, registered
from tests.include.training.registry import TESTED

LABELS = np.array([0, 0, 1, 1, 1, 2])
OUTPUTS = np.array(
    [[0.9, 0.1, 0.0], [0.4, 0.6, 0.0], [0.1, 0.8, 0.1], [0.1, 0.9, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]], np.float32
)


def own(reference: str = "costs:cost", direction: str = "min", **more: object) -> dict[str, object]:
    return {"비용": {"function": reference, "direction": direction, **more}}


def test_each_declared_metric_has_its_function():
    others = {name for name in BUILT_IN if name not in FUNCTIONS}  # measured with the model at hand
    assert set(FUNCTIONS) < set(BUILT_IN) and {BUILT_IN[name].task for name in others} == set(UNLABELLED)


def test_metrics_of_many_classes_agree_with_scikit_learn():
    from sklearn import metrics

    draw = np.random.default_rng(1)
    labels, raw = draw.integers(0, 4, 300), draw.random((300, 4))
    outputs = np.round(raw / raw.sum(1, keepdims=True), 2)  # rounded: with ties
    outputs[:, 0] += 1 - outputs.sum(1)
    truth = np.eye(4)[labels]
    got = {name: function(labels, outputs) for name, function in FUNCTIONS.items() if BUILT_IN[name].task == "classification"}
    assert got["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, outputs, average="macro"))
    assert got["pr_auc"] == pytest.approx(metrics.average_precision_score(truth, outputs, average="macro"))
    assert got["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(labels, outputs.argmax(1)))
    assert got["log_loss"] == pytest.approx(metrics.log_loss(labels, np.clip(outputs, 1e-12, 1)), rel=1e-4)


def test_two_classes_are_measured_by_the_second():
    from sklearn import metrics

    labels, scores = np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8, 0.3])
    outputs = np.stack([1 - scores, scores], 1)
    assert FUNCTIONS["roc_auc"](labels, outputs) == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert FUNCTIONS["pr_auc"](labels, outputs) == pytest.approx(metrics.average_precision_score(labels, scores))
    assert math.isnan(FUNCTIONS["roc_auc"](labels[[1, 3]], outputs[[1, 3]]))  # one class says nothing


def test_metrics_of_numbers_agree_with_scikit_learn():
    from sklearn import metrics

    labels, outputs = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    assert FUNCTIONS["rmse"](labels, outputs) == pytest.approx(metrics.root_mean_squared_error(labels, outputs))
    assert FUNCTIONS["r2"](labels, outputs) == pytest.approx(metrics.r2_score(labels, outputs))
    assert FUNCTIONS["mape"](labels, outputs) == pytest.approx(metrics.mean_absolute_percentage_error(labels, outputs))
    assert math.isnan(FUNCTIONS["mape"](np.array([0.0, 2.0]), outputs[:2])) and math.isnan(FUNCTIONS["r2"](np.ones(3), outputs))


def test_calibration_is_zero_where_confidence_is_honest():
    honest = np.tile([[0.75, 0.25]], (4, 1))
    bins, error = calibration(np.array([0, 0, 0, 1]), honest)
    assert error == pytest.approx(0.0)
    assert [b["rows"] for b in bins if b["rows"]] == [4]
    assert calibration(np.array([1, 1, 1, 1]), honest)[1] == pytest.approx(0.75)


def test_a_project_brings_a_metric_of_its_own(building):
    cost = {"costs:cost": lambda labels, outputs: float((outputs.argmax(1) != labels).sum() * 7)}
    project = building("digits", functions=cost, metrics=own(threshold=20, what="won a day"))
    assert "비용" in registered(project) and metric_of(project, "비용").direction == "min"
    assert "rmse" not in registered(project)
    found = measure(project, LABELS, np.pad(OUTPUTS, ((0, 0), (0, 7))))["metrics"]
    assert found["비용"] == 14 and found["비용_low"] <= 14 <= found["비용_high"]
    figures = {"accuracy": 0.99, "baseline_accuracy": 0.9, "비용": 21.0, **TESTED}
    assert [one["ok"] for one in checks(project, figures)] == [True, True, False, True, True]
    assert checks(project, figures | {"비용": 20.0})[2] == {"name": "비용", "value": 20.0, "limit": "at most 20.0", "ok": True}
    with pytest.raises(InputError, match="has no 비용: evaluate"):
        checks(project, {"accuracy": 0.99, "baseline_accuracy": 0.9})
    with pytest.raises(InputError, match="'beauty' is not registered for digits; there are accuracy"):
        metric_of(project, "beauty")


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        (lambda labels, outputs: 1 / 0, "비용 of digits raised ZeroDivisionError"),
        (lambda labels, outputs: math.nan, "비용 of digits gave nan"),
        (lambda labels, outputs: "good", "gave str 'good'; wanted one number"),
        (lambda labels, outputs: None, "gave NoneType"),
        (lambda labels, outputs: outputs, "gave ndarray"),
        (lambda labels: 1.0, "raised TypeError"),
    ],
)
def test_a_metric_that_fails_is_named(building, gives, says):
    project = building("digits", functions={"costs:cost": gives}, metrics=own())
    with pytest.raises(InputError, match=says):
        measure(project, LABELS, np.pad(OUTPUTS, ((0, 0), (0, 7))))


def test_a_metric_cannot_change_what_it_measures(building):
    def spoils(labels, outputs):
        outputs[:] = 0
        return 1.0

    project = building("digits", functions={"costs:cost": spoils}, metrics=own())
    outputs = np.pad(OUTPUTS, ((0, 0), (0, 7)))
    measure(project, LABELS, outputs)
    assert outputs.any()


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("digits", {"gate": {"metric": "beauty"}}, "no metric 'beauty' for classification. There are accuracy"),
        ("digits", {"gate": {"metric": "rmse"}}, "no metric 'rmse' for classification"),
        ("digits", {"gate": {"metric": "log_loss", "minimum": 0.1}}, "log_loss is better the lower it is: give maximum"),
        ("digits", {"gate": {"maximum": 0.1}}, "accuracy is better the higher it is: give minimum"),
        ("co2_levels", {"gate": {"minimum": 1}}, "rmse is better the lower"),
        (
            "digits",
            {"gate": {"thresholds": {"roc_acu": 0.9}}},
            r"thresholds\.roc_acu: there is no metric 'roc_acu' for classification\. Did you mean roc_auc\? There are accuracy",
        ),
        ("digits", {"gate": {"thresholds": {"rmse": 1}}}, "rmse: it is a metric of regression, not of classification; there are"),
        ("digits", {"gate": {"thresholds": {"accuracy": 0.9}}}, "it is the metric of the gate itself: give minimum"),
        ("co2_levels", {"gate": {"thresholds": {"rmse": 2}}}, "it is the metric of the gate itself: give maximum"),
        ("digits", {"gate": {"thresholds": {"roc_auc": math.inf}}}, "finite number"),
        (
            "digits",
            {"gate": {"thresholds": {"비용": 1}}, "metrics": own(threshold=2)},
            r"metrics\.비용\.threshold says it already: give it once",
        ),
        ("digits", {"metrics": {"accuracy": {"function": "a:b", "direction": "max"}}}, "metrics.accuracy: the name is taken"),
        ("digits", {"metrics": {"cost_low": {"function": "a:b", "direction": "max"}}}, "mistaken"),
        ("digits", {"metrics": {"cost": {"function": "a b", "direction": "max"}}}, "String should match"),
        ("digits", {"metrics": {"cost": {"function": "a:b", "direction": "up"}}}, "'max' or 'min'"),
        ("digits", {"metrics": {"cost": {"function": "a:b", "direction": "max", "threshold": math.nan}}}, "no finite number"),
        ("digits", {"metrics": {"a cost/": {"function": "a:b", "direction": "max"}}}, "String should match"),
        ("digits", {"slices": ["laboratory"]}, "slices: there is no column 'laboratory'"),
        ("breast_masses", {"bias": {"by": ["연령"]}}, "bias.by: there is no column '연령'"),
        ("breast_masses", {"bias": {"by": ["laboratory"], "positive": "cat"}}, "'cat' is no class"),
        ("breast_masses", {"bias": {"by": ["laboratory"], "limits": {"mae_difference": 1}}}, "for numbers"),
        ("breast_masses", {"tests": {"behaviour": [{"name": "a", "function": "a:b", "kind": "directional"}]}}, "needs direction"),
        (
            "breast_masses",
            {"tests": {"behaviour": [{"name": "a", "function": "a:b", "kind": "directional", "direction": "up"}]}},
            "output must name a class",
        ),
        (
            "digits",
            {"tests": {"behaviour": [{"name": "a", "function": "a:b"}], "minimum": [{"name": "a", "function": "a:b"}]}},
            "two tests are called a",
        ),
    ],
)
def test_what_a_project_asks_wrongly_is_told_when_it_is_read(building, name, changes, says):
    with pytest.raises(ValidationError, match=says):
        building(name, **changes)


def test_the_gate_asks_for_any_metric_of_the_task(building):
    cost = {"costs:cost": lambda labels, outputs: 1.0}
    gate = {"minimum": 0.5, "beat_baseline": False, "thresholds": {"roc_auc": 0.9, "calibration_error": 0.05, "비용": 3}}
    project = building("digits", gate=gate, functions=cost, metrics=own())
    for figures, wanted in (
        ({"roc_auc": 0.9, "calibration_error": 0.05, "비용": 3.0}, [True, True, True]),
        ({"roc_auc": 0.89, "calibration_error": 0.06, "비용": 3.1}, [False, False, False]),
    ):
        made = checks(project, {"accuracy": 0.6, **figures, **TESTED})[1:4]
        assert [(one["name"], one["limit"], one["ok"]) for one in made] == [
            ("roc_auc", "at least 0.9", wanted[0]),
            ("calibration_error", "at most 0.05", wanted[1]),
            ("비용", "at most 3.0", wanted[2]),
        ]
    with pytest.raises(InputError, match="has no roc_auc, calibration_error, 비용: evaluate it first"):
        checks(project, {"accuracy": 0.6, **TESTED})


@pytest.mark.parametrize("missing", ["tests_failed", "code_errors"])
def test_what_was_not_tested_does_not_pass(building, missing):
    project = building("digits", gate={"beat_baseline": False})
    made = checks(project, {"accuracy": 0.99, **{name: value for name, value in TESTED.items() if name != missing}})
    (failed,) = [one for one in made if not one["ok"]]
    what = "model tests" if missing == "tests_failed" else "checks of the project's code"
    assert math.isnan(failed["value"]) and failed["note"] == f"no {what} are recorded with this run: run test_model"
    assert len(checks(building("digits", code_checks={"tools": []}), {"accuracy": 1, "baseline_accuracy": 0, **TESTED})) == 3


def test_the_gate_follows_the_direction_of_its_metric(building):
    unchecked = {"tools": []}
    digits = building("digits", gate={"metric": "log_loss", "maximum": 0.2}, code_checks=unchecked)
    assert gate_metric(digits).name == "log_loss"
    good = {"log_loss": 0.1, "baseline_log_loss": 0.3, "tests_failed": 0}
    bad = {"log_loss": 0.25, "baseline_log_loss": 0.2, "tests_failed": 1}
    assert all(one["ok"] for one in checks(digits, good)) and not any(one["ok"] for one in checks(digits, bad))
    assert "below the baseline's 0.2000" in checks(digits, bad)[1]["limit"]
    assert gate_metric(building("co2_levels")).name == "rmse"
    assert gate_metric(building("support_tickets", gate={})).name == "accuracy"
