"""Model components that raise, give something else, or cannot learn: each is told with what to do, and nothing is kept."""

import numpy as np
import pytest

from include.errors import FinalError
from include.training import train
from include.training.errors import InputError, TrainingError
from include.training.learners import build, learner
from include.training.loop import train_module


def network(classes=10, **more):
    def build(params):
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(more.get("width", 64), classes))

    return build


def no_tensor(params):
    from torch import nn

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(64, 10)

        def forward(self, x):
            return {"logits": self.line(x.flatten(1))}

    return Two()


def raises(params):
    return params["층"]


def away(params):
    raise ConnectionError("the hub with the weights does not answer")


@pytest.mark.parametrize(
    ("component", "says"),
    [
        (network(7), r"the model of digits gives outputs \(2, 7\) for 2 items, wanted \(2, 10\)"),
        (network(12), r"gives outputs \(2, 12\)"),
        (network(width=63), r"cannot take inputs \(2, 1, 8, 8\): RuntimeError"),
        (no_tensor, "gives dict, wanted a tensor"),
        (raises, "cannot be built from .*KeyError: '층'"),
    ],
)
def test_a_network_that_does_not_fit_is_final_before_it_learns(building, arrays, params, component, says):
    project, epochs = building("digits", build=component), []
    with pytest.raises(InputError, match=says) as refused:
        train_module(project, params, arrays, 3, 1, epochs.append)
    assert isinstance(refused.value, FinalError) and epochs == []


def test_what_may_be_there_at_another_try_is_no_final_error(building):
    with pytest.raises(ConnectionError):
        build(building("digits", build=away), {})


@pytest.mark.parametrize("made", [None, "a model", 3])
def test_something_that_cannot_be_trained_is_named(building, made):
    with pytest.raises(InputError, match=rf"built {type(made).__name__}: wanted a torch module, an estimator"):
        learner(building("digits", build=lambda params: made), {})


def test_an_estimator_that_fails_is_named(building, masses):
    class Fails:
        def fit(self, inputs, labels):
            raise ZeroDivisionError("no rows of this kind")

        def predict(self, inputs):
            return np.zeros(len(inputs))

    project = building("breast_masses", build=lambda params: Fails(), families={})
    with pytest.raises((InputError, TrainingError, ZeroDivisionError), match="no rows of this kind"):
        learner(project, {}).fit(project, {}, masses, 0, 1)


@pytest.mark.integration
def test_a_training_that_went_astray_is_a_failed_run_without_a_model(settings, building, served, split, params):
    from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client

    project = building("digits")
    with pytest.raises(TrainingError, match=r"the loss is .* lower learning_rate") as astray:
        train(settings, project, split, {**params, "learning_rate": 1e30}, epochs=3, key="astray", tell=lambda line: None)
    assert isinstance(astray.value, FinalError)  # the same would come again
    client = mlflow_client(settings)
    (run,) = find_runs(client, ensure_experiment(client, "digits/training"), {"devmlops.key": "astray"})
    assert run.info.status == "FAILED" and client.list_artifacts(run.info.run_id, "model") == []


@pytest.mark.integration
def test_code_that_raises_while_it_learns_is_final_and_named(settings, building, served, split):
    class Fails:
        def fit(self, inputs, labels):
            raise ZeroDivisionError("no rows of this kind")

        def predict(self, inputs):
            return np.zeros(len(inputs))

    project = building("digits", build=lambda params: Fails())
    with pytest.raises(TrainingError, match=r"the training of digits with {} raised ZeroDivisionError: no rows") as raised:
        train(settings, project, split, {}, tell=lambda line: None)
    assert isinstance(raised.value, FinalError)
