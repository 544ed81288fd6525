"""Training of one network by several workers: Ray Train, every worker with its share of every batch.

Each step takes the same rows as one worker would: the order of rows is drawn alike everywhere, a batch is cut into as
many shares as there are workers, and the gradients are those of the whole batch. A network without dropout and without
batch statistics so learns the same, but for the order in which numbers are added up. Dropout is drawn by each worker for
itself, and batch normalisation sees its own share alone: with these the result is another one of the same quality.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

from include.clients.ray import cluster
from include.projects import Project
from include.settings import Settings
from include.training import device
from include.training.errors import InputError, TrainingFailed
from include.training.learners import Epoch, Files, Learner, training_learner
from include.training.loop import (
    DEFAULTS,
    TorchLearner,
    Trained,
    _begin,
    weights,
)
from include.training.parts import Arrays
from include.training.worker import work

MOST_FAILURES = 1  # a worker whose node went away; training begins again


def trainer(settings: Settings, project: Project, params: Mapping[str, Any]) -> Learner:
    """Return what trains the final model: the learner of what the project builds, by as many workers as it says.

    Raises:
        InputError: several workers are wanted for what is no network.
    """
    found = training_learner(project, params)
    if project.training.workers == 1:
        return found
    if not isinstance(found, TorchLearner):
        kind = type(found).__name__.removesuffix("Learner")
        advice = "set training.workers to 1"
        raise InputError(
            f"training.workers is {project.training.workers}, and {project.name} is no torch network ({kind}): {advice}"
        )
    return DistributedLearner(settings, project.training.workers)


class DistributedLearner(TorchLearner):
    """Trains a network by several workers.

    Args:
        settings: name the cluster, and how much of it this job may have.
        workers: how many.
    """

    def __init__(self, settings: Settings, workers: int) -> None:
        self.settings, self.workers = settings, workers

    def place(self) -> str:
        """Return how many workers train, and on what."""
        share = self._share()
        return f"{self.workers} workers, " + (f"each with {share:g} GPU" if share else "on the CPU")

    def fit(
        self,
        project: Project,
        params: Mapping[str, Any],
        parts: Mapping[str, Arrays],
        seed: int,
        epochs: int,
        on_epoch: Callable[[Epoch], None] | None = None,
        initial: Files | None = None,
    ) -> Trained:
        """Train; arguments as of `Learner.fit`."""
        given = {**DEFAULTS, **params}
        if int(given["batch_size"]) < self.workers:
            raise InputError(f"batch_size {given['batch_size']} is less than the {self.workers} workers that share a batch")
        begin = weights(initial) if initial else None
        _begin(project, params, begin)  # what does not fit is refused before a cluster is started
        size = sum(part.inputs.nbytes + part.labels.nbytes for part in parts.values())
        share = self._share()
        with cluster(self.settings, self.workers, max(128 * 2**20, 3 * size), math.ceil(share * self.workers)) as folder:
            import ray
            from ray.train import FailureConfig, RunConfig, ScalingConfig
            from ray.train.torch import TorchConfig, TorchTrainer
            from ray.util.queue import Queue

            queue = Queue(actor_options={"num_cpus": 0})
            arrays = {name: (part.inputs, part.labels) for name, part in parts.items() if name in ("train", "validation")}
            config = {"project": project, "params": dict(params), "seed": seed, "epochs": epochs, "initial": begin}
            if project.training.augmentation:  # each worker varies its own rows
                config["items"] = ray.put((parts["train"].contents, parts["train"].preparation))
            cpus = min(1.0, ray.cluster_resources().get("CPU", 1.0) / self.workers)
            each = {"CPU": cpus, **({"GPU": share} if share else {})}
            backend = "nccl" if share == 1 else "gloo"  # NCCL takes no two workers on one GPU
            heard = _Listener(queue, on_epoch)
            run = TorchTrainer(
                work,
                train_loop_config={**config, "arrays": ray.put(arrays), "queue": queue},
                torch_config=TorchConfig(backend=backend),
                scaling_config=ScalingConfig(num_workers=self.workers, use_gpu=bool(share), resources_per_worker=each),
                run_config=RunConfig(
                    name="train", storage_path=str(folder), failure_config=FailureConfig(max_failures=MOST_FAILURES)
                ),
            )
            try:
                run.fit()
            except Exception as cause:
                heard.stop()
                if heard.raised is not None:
                    raise heard.raised from cause
                said = str(cause).strip().splitlines()
                raise TrainingFailed(
                    f"the {self.workers} workers ended before the training: {said[-1] if said else cause!r}"
                ) from cause
            finally:
                heard.stop()
        if heard.error is not None:
            raise heard.error
        if heard.best is None:
            raise TrainingFailed(f"the {self.workers} workers gave no model")
        module = _begin(project, params, None)
        module.load_state_dict(weights(heard.files))
        return Trained(module.eval().to(device.chosen()), project.task, heard.history, heard.best)

    def _share(self) -> float:
        """Return how much of a GPU each worker gets of those of the job, or of the machine where its environment says nothing."""
        import torch

        gpus = self.settings.job_gpus
        if gpus is None:
            gpus = torch.cuda.device_count() if device.chosen().type == "cuda" else 0
        return min(1.0, gpus / self.workers)


class _Listener:
    """Takes what the workers tell while they train."""

    def __init__(self, queue: Any, on_epoch: Callable[[Epoch], None] | None) -> None:
        self._queue, self._on_epoch = queue, on_epoch
        self.history: list[Epoch] = []
        self.best: int | None = None
        self.files: Files = {}
        self.error: Exception | None = None
        self.raised: Exception | None = None  # by the project's code in a worker, in the last try of the workers
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True, name="workers")
        self._thread.start()

    def stop(self) -> None:
        """Take what is left, and end."""
        self._stopped.set()
        self._thread.join(30)

    def _listen(self) -> None:
        from ray.exceptions import RayError
        from ray.util.queue import Empty

        while True:
            try:
                kind, value = self._queue.get(timeout=0.5)
            except Empty:
                if self._stopped.is_set():
                    return
                continue
            except RayError:  # the cluster is going away
                return
            try:
                self._take(kind, value)
            except Exception as cause:  # on_epoch may raise to stop
                self.error = self.error or cause

    def _take(self, kind: str, value: Any) -> None:
        if kind == "epoch":
            if value["epoch"] == 1:
                self.history, self.raised = [], None  # workers that went away began again
            self.history.append(value)
            if self._on_epoch and self.error is None:
                self._on_epoch(value)
        elif kind == "done":
            self.best, self.files = value
        elif kind == "raised":
            self.raised = value
        elif kind == "error":
            self.error = value
