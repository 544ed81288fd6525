import json

import numpy as np
import pytest

from include.clients.mlflow import mlflow_client, read_file
from include.training.errors import InputError
from include.training.evaluate import SKETCH, assess, checked, evaluate, measure
from include.training.evaluation_report import pictures
from include.training.gate import checks
from include.training.register import register
from include.training.slices import ways
from include.training.train import train


def forest(params):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=20)


def ridge(params):
    from sklearn.linear_model import Ridge

    return Ridge()


LABELS = np.array([0, 0, 1, 1, 1, 2])
PROBABILITIES = np.array(
    [[0.9, 0.1, 0.0], [0.4, 0.6, 0.0], [0.1, 0.8, 0.1], [0.1, 0.9, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]], np.float32
)


def test_every_figure_agrees_with_scikit_learn(digits):
    from sklearn import metrics

    report = measure(digits.model_copy(update={"classes": ["a", "b", "다"]}), LABELS, PROBABILITIES)
    guess = PROBABILITIES.argmax(1)
    got = report["metrics"]
    assert got["accuracy"] == pytest.approx(4 / 6) and got["rows"] == 6
    assert got["macro_f1"] == pytest.approx(metrics.f1_score(LABELS, guess, average="macro"))
    assert got["log_loss"] == pytest.approx(metrics.log_loss(LABELS, PROBABILITIES), rel=1e-5)
    assert report["confusion"] == metrics.confusion_matrix(LABELS, guess).tolist()
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(LABELS, guess)
    for place, row in enumerate(report["per_class"]):
        assert [row["precision"], row["recall"], row["f1"], row["rows"]] == pytest.approx(
            [precision[place], recall[place], f1[place], rows[place]]
        )
    json.dumps(report)


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (np.full((6, 10), np.nan), "not finite for 6 of 6 rows"),
        (np.ones((6, 10)), "no probabilities"),
        (np.ones((6, 3)) / 3, r"outputs \(6, 3\) for the test part; wanted \(6, 10\)"),
        (np.ones((5, 10)) / 10, "wanted"),
    ],
)
def test_outputs_that_cannot_be_measured_are_refused(digits, outputs, says):
    with pytest.raises(InputError, match=says):
        checked(digits, outputs, 6)


def test_a_test_part_of_one_class_is_measured_as_far_as_it_goes(digits):
    labels, outputs = np.zeros(5, int), np.tile(np.eye(10)[0], (5, 1))
    report = measure(digits, labels, outputs)
    assert report["metrics"]["accuracy"] == 1 and "roc_auc" not in report["metrics"]
    assert any(note.startswith("roc_auc says nothing") for note in report["notes"])
    assert len(pictures(digits, labels, outputs, {**report, "slices": []})) == 5


@pytest.mark.integration
def test_the_run_holds_all_of_it(settings, digits, served, split, params):
    run_id = train(settings, digits, split, params, epochs=4)["run_id"]
    found = evaluate(settings, digits, split, run_id)
    client = mlflow_client(settings)
    logged = client.get_run(run_id).data.metrics
    assert logged["test_accuracy"] == found["metrics"]["accuracy"] > 0.8
    assert logged["baseline_accuracy"] == found["metrics"]["baseline_accuracy"] > 0.8
    assert len(found["per_class"]) == 10
    for name in ("confusion_matrix", "calibration", "per_class", "loss"):
        assert read_file(client, run_id, f"plots/{name}.png").startswith(b"\x89PNG")
    assert json.loads(read_file(client, run_id, "evaluation/evaluation.json"))["metrics"] == found["metrics"]
    sketch = json.loads(read_file(client, run_id, "reference_sketch.json"))
    assert sketch["rows"] == 400  # validation and test: what the weights were not fitted to
    low, high = found["metrics"]["macro_f1_low"], found["metrics"]["macro_f1_high"]
    assert low < found["metrics"]["macro_f1"] < high and high - low < 0.2
    report = json.loads(read_file(client, run_id, "evaluation/evaluation.json"))
    assert [row["slice"] for row in report["slices"]] == digits.classes
    page = read_file(client, run_id, "reports/evaluation.html").decode()
    assert "Handwritten digits" in page and "roc_auc" in page and "against the baseline" in page


@pytest.mark.integration
def test_a_table_is_evaluated_with_slices_bias_and_explanations(settings, building, masses, split, monkeypatch):
    project = building(
        "breast_masses",
        build=forest,
        slices=["radius"],
        bias={"by": ["laboratory"], "positive": "malignant", "limits": {"demographic_parity_difference": 0.9}},
        gate={"metric": "roc_auc", "minimum": 0.9, "beat_baseline": False},
        tests={},
    )
    monkeypatch.setattr("include.training.parts.load", lambda *args, **more: masses)
    client = mlflow_client(settings)
    run_id = train(settings, project, split, {})["run_id"]
    with pytest.raises(InputError, match="not evaluated with roc_auc"):
        register(settings, project, run_id)
    lines: list[str] = []
    found = evaluate(settings, project, split, run_id, lines.append)
    assert found["metrics"]["roc_auc"] > 0.9 and "bias_laboratory_equalized_odds_difference" in found["metrics"]
    assert json.loads(read_file(client, run_id, SKETCH)) and not any("no drift sketch" in line for line in lines)
    model = register(settings, project, run_id)
    later = [check["name"] for check in checks(project, model["metrics"]) if not check["ok"]]
    assert later == ["failed model tests", "errors in the project's code"]
    page = read_file(client, run_id, "reports/evaluation.html").decode()
    assert "Bias by laboratory" in page and "서울" in page and "SHAP importance" in page and "LIME" in page


@pytest.mark.integration
def test_numbers_are_evaluated(settings, building, windows, split, monkeypatch):
    project = building("co2_levels", build=ridge, gate={"metric": "mae", "maximum": 20})
    monkeypatch.setattr("include.training.parts.load", lambda *args, **more: windows)
    client = mlflow_client(settings)
    run_id = train(settings, project, split, {})["run_id"]
    found = assess(client, project, windows, run_id, ways(None, project, windows["test"], None))
    assert {"rmse", "mae", "mae_low", "r2", "mape", "baseline_mae", "rows"} <= set(found["metrics"]) and found["per_class"] == []
    assert read_file(client, run_id, "plots/regression.png").startswith(b"\x89PNG")
    assert client.get_run(run_id).data.params["baseline"] == "ridge regression"


@pytest.mark.integration
def test_a_run_without_a_model_is_named(settings, digits, served, split):
    client = mlflow_client(settings)
    run = client.create_run("0")
    with pytest.raises(InputError, match="no finished training"):
        evaluate(settings, digits, split, run.info.run_id)
