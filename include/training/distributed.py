"""Training of one network by several workers: Ray Train, every worker with its share of every batch.

Each step takes the same rows as one worker would: the order of rows is drawn alike everywhere, a batch is cut into as
many shares as there are workers, and the gradients are those of the whole batch. A network without dropout and without
batch statistics so learns the same, but for the order in which numbers are added up. Dropout is drawn by each worker for
itself, and batch normalisation sees its own share alone: with these the result is another one of the same quality.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.clients.ray import cluster
from include.projects import Project
from include.settings import Settings
from include.training.errors import InputError, TrainingError
from include.training.learners import Epoch, Files, Learner, learner
from include.training.loop import (
    DEFAULTS,
    WEIGHTS,
    TorchLearner,
    Trained,
    _begin,
    _loss,
    _targets,
    _validate,
    deterministic,
    weights,
)
from include.training.parts import Arrays
from include.training.scores import metric, mode

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MOST_FAILURES = 1  # a worker whose node went away; training begins again


def trainer(settings: Settings, project: Project, params: Mapping[str, Any]) -> Learner:
    """Return what trains the final model: the learner of what the project builds, by as many workers as it says.

    Raises:
        InputError: several workers are wanted for what is no network.
    """
    found = learner(project, params)
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
        gpus = int(self.settings.job_gpus)
        with cluster(self.settings, self.workers, max(128 * 2**20, 3 * size), gpus) as folder:
            import ray
            from ray.train import FailureConfig, RunConfig, ScalingConfig
            from ray.train.torch import TorchTrainer
            from ray.util.queue import Queue

            queue = Queue(actor_options={"num_cpus": 0})
            arrays = {name: (part.inputs, part.labels) for name, part in parts.items() if name in ("train", "validation")}
            config = {"project": project, "params": dict(params), "seed": seed, "epochs": epochs, "initial": begin}
            cpus = min(1.0, ray.cluster_resources().get("CPU", 1.0) / self.workers)
            each = {"CPU": cpus, **({"GPU": self.settings.job_gpus / self.workers} if gpus else {})}
            heard = _Listener(queue, on_epoch)
            run = TorchTrainer(
                _work,
                train_loop_config={**config, "arrays": ray.put(arrays), "queue": queue},
                scaling_config=ScalingConfig(num_workers=self.workers, use_gpu=bool(gpus), resources_per_worker=each),
                run_config=RunConfig(
                    name="train", storage_path=str(folder), failure_config=FailureConfig(max_failures=MOST_FAILURES)
                ),
            )
            try:
                run.fit()
            except Exception as cause:
                said = str(cause).strip().splitlines()
                raise TrainingError(
                    f"the {self.workers} workers ended before the training: {said[-1] if said else cause!r}"
                ) from cause
            finally:
                heard.stop()
        if heard.error is not None:
            raise heard.error
        if heard.best is None:
            raise TrainingError(f"the {self.workers} workers gave no model")
        module = _begin(project, params, None)
        module.load_state_dict(weights(heard.files))
        return Trained(module.eval(), project.task, heard.history, heard.best)


class _Listener:
    """Takes what the workers tell while they train."""

    def __init__(self, queue: Any, on_epoch: Callable[[Epoch], None] | None) -> None:
        self._queue, self._on_epoch = queue, on_epoch
        self.history: list[Epoch] = []
        self.best: int | None = None
        self.files: Files = {}
        self.error: Exception | None = None
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
                self.history = []  # workers that went away began again
            self.history.append(value)
            if self._on_epoch and self.error is None:
                self._on_epoch(value)
        elif kind == "done":
            self.best, self.files = value
        elif kind == "error":
            self.error = value


def _work(config: dict[str, Any]) -> None:
    """Be one of the workers."""
    import ray
    from ray.train import get_context

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it CUDA cannot compute the same twice
    context = get_context()
    rank, world = context.get_world_rank(), context.get_world_size()
    arrays = {name: Arrays(None, inputs, labels, []) for name, (inputs, labels) in ray.get(config["arrays"]).items()}
    try:
        done = _train(config, arrays, rank, world)
    except (InputError, TrainingError) as error:  # the same on all workers, and trying again cannot help
        if rank == 0:
            config["queue"].put(("error", error))
        return
    if rank == 0:
        config["queue"].put(("done", done))


def _train(config: dict[str, Any], parts: Mapping[str, Arrays], rank: int, world: int) -> tuple[int, Files]:
    import torch
    from ray.train.torch import get_device, prepare_model
    from torch import distributed

    project: Project = config["project"]
    given = {**DEFAULTS, **config["params"]}
    batch, deciding = int(given["batch_size"]), metric(project)
    sign = 1.0 if mode(project) == "max" else -1.0
    device = get_device()
    x = torch.from_numpy(parts["train"].inputs.copy())
    y = _targets(project.task, parts["train"].labels.copy())
    best: tuple[tuple[float, float], int, dict[str, Tensor]] | None = None
    with deterministic(config["seed"]):
        module = _begin(project, config["params"], config["initial"])
        order = torch.get_rng_state()  # from here on one worker draws the order of rows
        torch.manual_seed(config["seed"] + 1_000_003 * (rank + 1))  # what else is random differs by worker
        shared = prepare_model(module)
        optimiser = torch.optim.Adam(
            shared.parameters(), lr=float(given["learning_rate"]), weight_decay=float(given["weight_decay"])
        )
        for epoch in range(1, config["epochs"] + 1):
            rows, order = _order(len(x), order)
            shared.train()
            total = torch.zeros(1, dtype=torch.float64, device=device)
            for whole in rows.split(batch):
                mine = whole.tensor_split(world)[rank]
                weight = len(mine)
                if not weight:  # the last batch may have fewer rows than there are workers, and all must take part
                    mine = whole[:1]
                optimiser.zero_grad()
                loss = _loss(project.task, shared(x[mine].to(device)), y[mine].to(device))
                (loss * (weight * world / len(whole))).backward()  # gradients are averaged over the workers
                optimiser.step()
                total += loss.item() * weight
            distributed.all_reduce(total)
            if not total.item() < float("inf"):
                rate = given["learning_rate"]
                raise TrainingError(f"the loss is {total.item()} in epoch {epoch}: lower learning_rate (now {rate})")
            if rank:
                continue
            plain: torch.nn.Module = getattr(shared, "module", shared)
            plain.to("cpu")
            told: Epoch = {"epoch": epoch, "train_loss": total.item() / len(x)}
            told |= _validate(project.task, plain, parts["validation"])
            config["queue"].put(("epoch", told))
            score = (sign * told[deciding], -told["validation_loss"])
            if best is None or score > best[0]:
                best = (score, epoch, {key: value.clone() for key, value in plain.state_dict().items()})
            plain.to(device)
    if best is None:
        return 0, {}
    buffer = io.BytesIO()
    torch.save(best[2], buffer)
    return best[1], {WEIGHTS: buffer.getvalue()}


def _order(rows: int, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return an order of the rows drawn from ``state``, and the state after it."""
    import torch

    own = torch.get_rng_state()
    torch.set_rng_state(state)
    found = torch.randperm(rows)
    after = torch.get_rng_state()
    torch.set_rng_state(own)
    return found, after
