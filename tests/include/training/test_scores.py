import math

import numpy as np
import pytest

from include.projects.digits.model import build
from include.projects.metrics import OwnMetric
from include.projects.tuning import Tuning, tuning_problems
from include.training.errors import InputError
from include.training.loop import train_module
from include.training.scores import measure, metric, mode, modes

LABELS = np.array([0, 1, 2, 2])
SURE = np.eye(10)[LABELS]


@pytest.fixture
def deciding(digits):
    """Return digits with a metric of its own, the share of twos, and a search that something decides."""

    def made(name, own=lambda labels, outputs: float((outputs.argmax(1) == 2).mean()), way="max"):
        tuning = digits.training.tuning.model_copy(update={"metric": name})
        metrics = {"둘의_비율": OwnMetric(function="metrics:twos", direction=way)}
        training = digits.training.model_copy(update={"tuning": tuning})
        project = digits.model_copy(update={"training": training, "metrics": metrics})
        functions[project.name] = own
        return project

    functions = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(digits), "function", lambda self, place, reference: functions[self.name])
        yield made


def test_the_first_figure_of_the_task_decides_where_nothing_else_is_asked_for(digits):
    assert (metric(digits), mode(digits)) == ("validation_accuracy", "max")
    assert modes(digits)["validation_loss"] == "min" and modes(digits)["validation_log_loss"] == "min"


def test_only_what_is_measured_can_decide(deciding):
    with pytest.raises(InputError, match=r"validation_accuracy, .*validation_둘의_비율, not 'beauty'.*training\.tuning\.metric"):
        metric(deciding("beauty"))


@pytest.mark.parametrize("way", ["max", "min"])
def test_a_metric_of_the_project_can_decide(deciding, way):
    project = deciding("validation_둘의_비율", way=way)
    assert (metric(project), mode(project)) == ("validation_둘의_비율", way)
    found = measure(project, LABELS, SURE)
    assert found["validation_둘의_비율"] == 0.5 and found["validation_accuracy"] == 1


def test_what_does_not_decide_is_not_measured(deciding):
    def asked(labels, outputs):
        raise AssertionError

    assert "validation_둘의_비율" not in measure(deciding("validation_loss", asked), LABELS, SURE)
    assert measure(deciding("validation_roc_auc", asked), LABELS, SURE)["validation_roc_auc"] == 1


def test_a_deciding_metric_that_is_no_number_is_named(deciding):
    with pytest.raises(InputError, match="둘의_비율 of digits gave nan for the validation part, and it decides the search"):
        measure(deciding("validation_둘의_비율", lambda labels, outputs: math.nan), LABELS, SURE)


def test_a_model_keeps_the_epoch_that_is_best_by_a_metric_of_the_project(digits, deciding, arrays, params, monkeypatch):
    values, kept = iter([1.0, 3.0, 2.0]), type(digits).component
    project = deciding("validation_둘의_비율", lambda *_: next(values))
    monkeypatch.setattr(type(digits), "component", lambda self, kind: build if kind == "model" else kept(self, kind))
    trained = train_module(project, params, arrays, 3, 3)
    assert [one["validation_둘의_비율"] for one in trained.history] == [1, 3, 2] and trained.best_epoch == 2


def test_a_project_may_name_a_metric_of_its_own_for_its_search():
    own = {"둘의_비율": OwnMetric(function="metrics:twos", direction="max")}
    assert tuning_problems("classification", Tuning(metric="validation_둘의_비율"), own) == []
    assert tuning_problems("regression", Tuning(metric="validation_mape"), {}) == []
    (problem,) = tuning_problems("classification", Tuning(metric="validation_둘의_비율"), {})
    assert "tuning.metric" in problem
    (problem,) = tuning_problems("clustering", Tuning(metric="validation_둘의_비율"), own)  # no outputs for labels there
    assert "validation_silhouette" in problem
