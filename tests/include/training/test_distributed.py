"""Several workers train the same network as one."""

from __future__ import annotations

import numpy as np
import pytest

from include.clients.mlflow import mlflow_client
from include.settings import Settings
from include.training.distributed import DistributedLearner, trainer
from include.training.errors import InputError, TrainingError
from include.training.loop import TorchLearner
from include.training.parts import Arrays
from include.training.train import train


def with_workers(project, workers):
    return project.model_copy(update={"training": project.training.model_copy(update={"workers": workers})})


def fewer(part, rows):
    return Arrays(part.contents[:rows], part.inputs[:rows], part.labels[:rows], part.kinds[:rows])


@pytest.mark.integration
@pytest.mark.usefixtures("one_ray")
def test_two_workers_learn_what_one_does(digits, arrays, params, tmp_path):
    """Without dropout the order of additions alone differs: 1e-3 of the losses, 1e-3 of each layer's weights together.

    A single weight may differ by more: where a gradient is nearly zero, Adam takes a whole step for its sign.
    The last of the batches has 27 rows, so that shares of unequal size are seen too.
    """
    still = {**params, "dropout": 0.0}
    arrays = {**arrays, "train": fewer(arrays["train"], 699)}
    one = TorchLearner().fit(digits, still, arrays, 7, 3)
    told = []
    two = DistributedLearner(Settings(home=tmp_path), 2).fit(digits, still, arrays, 7, 3, told.append)
    assert told == two.history and [epoch["epoch"] for epoch in told] == [1, 2, 3]
    for mine, theirs in zip(one.history, two.history, strict=True):
        # Sums of float32 in another order: the difference grows with every step.
        assert theirs["train_loss"] == pytest.approx(mine["train_loss"], rel=1e-3)
        assert theirs["validation_loss"] == pytest.approx(mine["validation_loss"], rel=1e-3)
        assert abs(theirs["validation_accuracy"] - mine["validation_accuracy"]) <= 1 / len(arrays["validation"].labels)
    inputs = arrays["validation"].inputs
    np.testing.assert_allclose(two.predict(inputs), one.predict(inputs), atol=2e-3)
    for name, value in one.module.state_dict().items():
        assert float((two.module.state_dict()[name] - value).norm() / value.norm()) < 1e-3, name


@pytest.mark.integration
@pytest.mark.usefixtures("one_ray")
def test_a_project_says_how_many_and_the_run_remembers(settings, digits, served, split, params):
    done = train(settings, with_workers(digits, 2), split, params, epochs=6)
    alone = train(settings, digits, split, params, epochs=6)
    gap = abs(done["metrics"]["validation_accuracy"] - alone["metrics"]["validation_accuracy"])
    assert gap <= 0.03, "dropout is drawn by each worker, so the results differ, but not in quality"
    assert mlflow_client(settings).get_run(done["run_id"]).data.params["workers"] == "2"


@pytest.mark.integration
@pytest.mark.usefixtures("one_ray")
def test_a_loss_that_is_not_finite_is_told_as_by_one_worker(digits, arrays, params, tmp_path):
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) in epoch 1: lower learning_rate"):
        DistributedLearner(Settings(home=tmp_path), 2).fit(digits, {**params, "learning_rate": 1e30}, arrays, 7, 2)


def test_what_cannot_be_shared_is_refused_before_anything_starts(digits, arrays, params, tmp_path, monkeypatch):
    settings = Settings(home=tmp_path)
    assert type(trainer(settings, digits, params)) is TorchLearner
    found = trainer(settings, with_workers(digits, 2), params)
    assert isinstance(found, DistributedLearner) and found.workers == 2
    with pytest.raises(InputError, match="batch_size 1 is less than the 2 workers"):
        found.fit(digits, {**params, "batch_size": 1}, arrays, 7, 1)
    with pytest.raises(InputError, match="channels and hidden must be at least 1"):
        found.fit(digits, {**params, "channels": 0}, arrays, 7, 1)
    monkeypatch.setattr("include.training.distributed.training_learner", lambda project, params: object())
    with pytest.raises(InputError, match=r"training\.workers is 2, and digits is no torch network"):
        trainer(settings, with_workers(digits, 2), params)
