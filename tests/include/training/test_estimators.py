from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.training.errors import InputError, TrainingError
from include.training.estimators import ESTIMATOR, Estimator, EstimatorLearner
from include.training.learners import learner, predict
from include.training.loop import TorchLearner


def logistic(params: dict[str, Any]) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=200, **params)


def forest(params: dict[str, Any]) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=20, **params)


def passes(params: dict[str, Any]) -> Any:
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="log_loss", **params)


@pytest.fixture
def project_of(digits, monkeypatch):
    """Give the digits project with another model component."""

    def made(build: Any):
        project = digits.model_copy()
        kept = type(project).component
        monkeypatch.setattr(type(project), "component", lambda self, kind: build if kind == "model" else kept(self, kind))
        return project

    return made


def test_what_is_built_decides_who_trains_it(digits, project_of):
    assert isinstance(learner(digits, {}), TorchLearner)
    assert isinstance(learner(project_of(logistic), {}), EstimatorLearner)
    with pytest.raises(InputError, match="built int"):
        learner(project_of(lambda params: 3), {})
    with pytest.raises(InputError, match="cannot be built"):
        learner(project_of(logistic), {"wings": 2})


@pytest.mark.parametrize("build", [logistic, forest])
def test_an_estimator_learns_is_kept_and_comes_back(project_of, arrays, build):
    project = project_of(build)
    seen: list[Any] = []
    fitted = EstimatorLearner().fit(project, {}, arrays, 3, 9, seen.append)
    assert len(seen) == 1 and seen == fitted.history  # it is fitted at once
    outputs = predict(fitted, project, arrays["test"].contents)
    assert outputs.shape == (200, 10) and (outputs.argmax(1) == arrays["test"].labels).mean() > 0.85
    again = EstimatorLearner().load(project, {}, fitted.files())
    assert np.array_equal(again.predict(arrays["test"].inputs), outputs)
    same = EstimatorLearner().fit(project, {}, arrays, 3, 9)
    assert np.array_equal(same.predict(arrays["test"].inputs), outputs)


def test_pass_after_pass_and_the_best_is_kept(project_of, arrays):
    project = project_of(passes)
    fitted = EstimatorLearner().fit(project, {"alpha": 0.0001}, arrays, 3, 6)
    assert len(fitted.history) == 6
    assert fitted.best["validation_accuracy"] == max(e["validation_accuracy"] for e in fitted.history)
    warm = EstimatorLearner().fit(project, {}, arrays, 3, 1, initial=fitted.files())
    cold = EstimatorLearner().fit(project, {}, arrays, 3, 1)
    assert warm.history[0]["train_loss"] < cold.history[0]["train_loss"]


@pytest.mark.parametrize("build", [logistic, forest])
def test_onnx_gives_the_same_answers(project_of, arrays, build, tmp_path: Path):
    from include.clients.onnx import run, session

    fitted = EstimatorLearner().fit(project_of(build), {}, arrays, 3, 1)
    rows = arrays["test"].inputs
    fitted.export(rows, tmp_path / "model.onnx")
    logits = run(session(tmp_path / "model.onnx"), rows)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    assert np.allclose(powers / powers.sum(1, keepdims=True), fitted.predict(rows), atol=1e-4)


def test_regression(digits, arrays, tmp_path: Path):
    from sklearn.linear_model import Ridge

    from include.clients.onnx import run, session

    x = arrays["train"].inputs.reshape(len(arrays["train"].inputs), -1)
    fitted = Estimator(Ridge().fit(x, arrays["train"].labels.astype(float)), "regression", [], 0)
    rows = arrays["test"].inputs
    fitted.export(rows, tmp_path / "model.onnx")
    assert np.allclose(run(session(tmp_path / "model.onnx"), rows)[:, 0], fitted.predict(rows), atol=1e-3)


def test_a_stored_estimator_of_strange_parts_is_not_loaded(digits):
    import skops.io

    class Odd:
        pass

    with pytest.raises(InputError, match="is made of"):
        EstimatorLearner().load(digits, {}, {ESTIMATOR: skops.io.dumps(Odd())})
    with pytest.raises(InputError, match="another learner"):
        EstimatorLearner().load(digits, {}, {"state_dict.pt": b""})


def test_what_cannot_be_fitted_is_told(project_of, arrays):
    with pytest.raises(TrainingError, match="cannot be fitted"):
        EstimatorLearner().fit(project_of(logistic), {"C": -1}, arrays, 3, 1)
    without = {
        **arrays,
        "train": type(arrays["train"])(
            *(
                np.asarray(v)[arrays["train"].labels > 0]
                for v in (arrays["train"].contents, arrays["train"].inputs, arrays["train"].labels)
            ),
            ["dev"],
        ),
    }
    with pytest.raises(InputError, match="no item of 0"):
        EstimatorLearner().fit(project_of(logistic), {}, without, 3, 1)


def test_an_estimator_that_cannot_go_on_says_so(project_of, arrays):
    project = project_of(logistic)
    fitted = EstimatorLearner().fit(project, {}, arrays, 3, 1)
    with pytest.raises(InputError, match="no partial_fit"):
        EstimatorLearner().fit(project, {}, arrays, 3, 1, initial=fitted.files())
