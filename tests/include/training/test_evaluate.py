import json

import numpy as np
import pytest

from include.clients.mlflow import mlflow_client, read_file
from include.training.errors import InputError
from include.training.evaluate import baseline, calibration, evaluate, measure, wilson
from include.training.train import train

LABELS = np.array([0, 0, 1, 1, 1, 2])
PROBABILITIES = np.array(
    [[0.9, 0.1, 0.0], [0.4, 0.6, 0.0], [0.1, 0.8, 0.1], [0.1, 0.9, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]], np.float32
)


def test_every_figure_agrees_with_scikit_learn():
    from sklearn import metrics

    report = measure(LABELS, PROBABILITIES, ["a", "b", "다"])
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


def test_calibration_is_zero_where_confidence_is_honest():
    honest = np.tile([[0.75, 0.25]], (4, 1))
    bins, error = calibration(np.array([0, 0, 0, 1]), honest)
    assert error == pytest.approx(0.0)
    assert [b["rows"] for b in bins if b["rows"]] == [4]
    assert calibration(np.array([1, 1, 1, 1]), honest)[1] == pytest.approx(0.75)


def test_wilson_is_the_known_interval():
    assert wilson(8, 10) == pytest.approx((0.490, 0.943), abs=1e-3)
    assert wilson(10, 10)[1] == 1.0 and wilson(0, 10)[0] == 0.0


def test_the_baseline_is_a_model_that_works(arrays):
    guess = baseline(arrays["train"], arrays["test"])
    assert (guess == arrays["test"].labels).mean() > 0.85


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


@pytest.mark.integration
def test_a_run_without_a_model_is_named(settings, digits, served, split):
    client = mlflow_client(settings)
    run = client.create_run("0")
    with pytest.raises(InputError, match="no finished training"):
        evaluate(settings, digits, split, run.info.run_id)
