"""One of the workers that train a network together (`include.training.distributed`)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from include.errors import of_the_machine
from include.projects import Project
from include.training import device
from include.training.augmentation import varied
from include.training.errors import InputError, TrainingError
from include.training.learners import Epoch, Files
from include.training.loop import DEFAULTS, WEIGHTS, _begin, _loss, _targets, _validate
from include.training.network import check
from include.training.own_code import raised
from include.training.parts import Arrays
from include.training.scores import metric, mode

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def work(config: dict[str, Any]) -> None:
    """Be one of the workers.

    Args:
        config: project, params, seed, epochs and initial weights as of `Learner.fit`; ``arrays``, a reference to inputs
            and labels of each part; ``queue``, which takes every epoch and the model.
    """
    import ray
    from ray.train import get_context

    device.repeatable()
    context = get_context()
    rank, world = context.get_world_rank(), context.get_world_size()
    arrays = {name: Arrays(None, inputs, labels, []) for name, (inputs, labels) in ray.get(config["arrays"]).items()}
    if "items" in config:
        contents, preparation = ray.get(config["items"])
        arrays["train"] = replace(arrays["train"], contents=contents, preparation=preparation)
    try:
        done = _train(config, arrays, rank, world)
    except (InputError, TrainingError) as error:  # the same on all workers, and trying again cannot help
        if rank == 0:
            config["queue"].put(("error", error))
        return
    except Exception as cause:  # of this worker alone perhaps, so the others are ended with it
        if not of_the_machine(cause):
            config["queue"].put(("raised", raised(config["project"], config["params"], cause)))
        raise
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
    on = get_device()
    x = torch.from_numpy(parts["train"].inputs.copy())
    y = _targets(project.task, parts["train"].labels.copy())
    fresh = varied(project, parts["train"], config["seed"])
    best: tuple[tuple[float, float], int, dict[str, Tensor]] | None = None
    with device.deterministic(config["seed"], on):
        module = _begin(project, config["params"], config["initial"]).to(on)
        check(project, module, x[:2])
        order = torch.get_rng_state()  # from here on one worker draws the order of rows
        torch.manual_seed(config["seed"] + 1_000_003 * (rank + 1))  # what else is random differs by worker
        shared = prepare_model(module)
        optimiser = torch.optim.Adam(
            shared.parameters(), lr=float(given["learning_rate"]), weight_decay=float(given["weight_decay"])
        )
        for epoch in range(1, config["epochs"] + 1):
            rows, order = _order(len(x), order)
            shared.train()
            total = torch.zeros(1, dtype=torch.float64, device=on)
            for whole in rows.split(batch):
                mine = whole.tensor_split(world)[rank]
                weight = len(mine)
                if not weight:  # the last batch may have fewer rows than there are workers, and all must take part
                    mine = whole[:1]
                optimiser.zero_grad()
                inputs = x[mine] if fresh is None else torch.from_numpy(fresh(mine.numpy(), epoch))
                loss = _loss(project.task, shared(inputs.to(on)), y[mine].to(on))
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
            told: Epoch = {"epoch": epoch, "train_loss": total.item() / len(x)}
            told |= _validate(project, plain, parts["validation"])
            config["queue"].put(("epoch", told))
            score = (sign * told[deciding], -told["validation_loss"])
            if best is None or score > best[0]:
                best = (score, epoch, device.weights_of(plain))
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
