"""Several workers train the same network as one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from include.clients.mlflow import mlflow_client
from include.errors import FinalError
from include.settings import Settings
from include.training import device
from include.training.distributed import DistributedLearner, _Listener, trainer
from include.training.errors import InputError, TrainingError
from include.training.loop import TorchLearner
from include.training.parts import Arrays
from include.training.train import train
from include.training.worker import _train
from tests.include.training.accelerator import NAME, accelerator


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


@pytest.mark.integration
@pytest.mark.usefixtures("one_ray")
def test_code_that_raises_in_a_worker_is_final_and_named(digits, arrays, params, tmp_path, monkeypatch):
    def raises(config):
        from include.training import worker

        def train(*given):
            raise KeyError("폭")

        worker._train = train
        worker.work(config)

    monkeypatch.setattr("include.training.distributed.work", raises)
    monkeypatch.setattr("include.training.distributed.MOST_FAILURES", 0)  # a second start takes seconds, and ends alike
    with pytest.raises(TrainingError, match=r"the training of digits with .* raised KeyError: '폭'") as raised:
        DistributedLearner(Settings(home=tmp_path), 2).fit(digits, params, arrays, 7, 1)
    assert isinstance(raised.value, FinalError)


def test_a_listener_forgets_what_was_raised_before_the_workers_began_again():
    def gone(timeout):
        from ray.exceptions import RayError

        raise RayError

    heard = _Listener(SimpleNamespace(get=gone), None)
    heard.stop()
    heard._take("raised", TrainingError("once"))
    assert heard.raised is not None
    heard._take("epoch", {"epoch": 1})
    assert heard.raised is None and heard.error is None


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


@pytest.mark.parametrize(
    ("gpus", "workers", "share", "told"),
    [
        (2, 2, 1, "2 workers, each with 1 GPU"),
        (1, 2, 0.5, "2 workers, each with 0.5 GPU"),
        (3, 2, 1, "2 workers, each with 1 GPU"),
        (0.5, 2, 0.25, "2 workers, each with 0.25 GPU"),
        (0, 2, 0, "2 workers, on the CPU"),
        (None, 3, 1, "3 workers, each with 1 GPU"),
    ],
)
def test_workers_share_the_gpus_that_the_job_has(tmp_path, monkeypatch, gpus, workers, share, told):
    import torch

    monkeypatch.setattr(device, "chosen", lambda: torch.device("cuda", 0))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    found = DistributedLearner(Settings(home=tmp_path, job_gpus=gpus), workers)
    assert (found._share(), found.place()) == (share, told)


def test_a_worker_computes_on_the_device_that_ray_names(digits, arrays, params, monkeypatch):
    """One worker alone takes the steps that `TorchLearner` takes; what it sends away is of the CPU."""
    import torch
    from ray.train import torch as ray_torch

    still, parts = {**params, "dropout": 0.0}, {name: fewer(arrays[name], 75) for name in ("train", "validation")}
    alone = TorchLearner().fit(digits, still, parts, 7, 2)
    sent = []
    config = {"project": digits, "params": still, "seed": 7, "epochs": 2, "initial": None}
    monkeypatch.setattr(ray_torch, "get_device", lambda: torch.device(NAME))
    monkeypatch.setattr(ray_torch, "prepare_model", lambda module: module.to(NAME))
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda total: None)
    with accelerator() as used:
        best, files = _train({**config, "queue": type("Queue", (), {"put": sent.append})}, parts, 0, 1)
    assert [epoch for _, epoch in sent] == alone.history and best == alone.best_epoch
    assert any("backward" in name for name in used.used)
    back = TorchLearner().load(digits, still, files)
    assert np.array_equal(back.predict(parts["validation"].inputs), alone.predict(parts["validation"].inputs))


@pytest.mark.integration
@pytest.mark.usefixtures("one_ray")
def test_ray_says_which_gpus_a_worker_has():
    import ray

    class Worker:
        def gpus(self):
            return device._lent()

    assert device._lent() is None, "this process is the driver"
    some, none = (ray.remote(num_cpus=0, num_gpus=share)(Worker).remote() for share in (0.5, 0))
    assert ray.get([some.gpus.remote(), none.gpus.remote()]) == [["0"], []]
