"""The training loop: plain torch on arrays, the same numbers for the same seed."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.tasks import Task
from include.training import device
from include.training.augmentation import varied
from include.training.errors import InputError, TrainingError
from include.training.learners import Epoch, Files, Fitted, Learner, build
from include.training.network import check
from include.training.parts import Arrays
from include.training.scores import measure, metric, mode

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

WEIGHTS = "state_dict.pt"
DEFAULTS: dict[str, Any] = {"learning_rate": 0.002, "batch_size": 32, "weight_decay": 1e-4}


class Trained(Fitted):
    """A trained network with its best epoch's weights in place.

    Args:
        module: in evaluation mode, on the device that it predicts on.
        task: classification or regression.
        history: metrics of each epoch, the first epoch first.
        best_epoch: whose weights were kept, counted from 1.
    """

    framework = "torch"

    def __init__(self, module: nn.Module, task: Task, history: list[Epoch], best_epoch: int) -> None:
        self.module, self.task, self.history, self.best_epoch = module, task, history, best_epoch

    @property
    def size(self) -> int:
        """Return how many parameters the network has."""
        return sum(p.numel() for p in self.module.parameters())

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities (n, classes) or numbers (n,)."""
        return predict_inputs(self.module, inputs, self.task)

    def files(self) -> Files:
        """Return the weights as a file that `torch.load` reads with ``weights_only=True``."""
        import torch

        buffer, state = io.BytesIO(), self.module.state_dict()
        for name, value in state.items():
            state[name] = value.cpu()
        torch.save(state, buffer)
        return {WEIGHTS: buffer.getvalue()}

    def export(self, example: np.ndarray, path: Path) -> None:
        """Write it as ONNX."""
        from include.clients.onnx import export

        export(device.for_cpu(self.module), example, path)


class TorchLearner(Learner):
    """Trains networks by Adam; what else a project wants it does in a `Learner` of its own."""

    augments = True

    def place(self) -> str:
        """Return the device that networks compute on."""
        return device.said(device.chosen())

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
        return train_module(project, params, parts, seed, epochs, on_epoch, weights(initial) if initial else None)

    def load(self, project: Project, params: Mapping[str, Any], files: Files) -> Trained:
        """Build the network and put the weights in."""
        module: nn.Module = build(project, params)
        try:
            module.load_state_dict(weights(files))
        except RuntimeError as cause:
            problem = str(cause).splitlines()[-1].strip()
            raise InputError(
                f"the weights do not fit the model component of {project.name} as it is now: "
                f"check out the code that made them ({problem})"
            ) from cause
        return Trained(module.eval().to(device.chosen()), project.task, [], 0)


def weights(files: Files) -> dict[str, Tensor]:
    """Return the weights that a training kept.

    Raises:
        InputError: it kept none.
    """
    import torch

    if WEIGHTS not in files:
        raise InputError(f"there is no {WEIGHTS}: the model was made by another learner")
    return dict(torch.load(io.BytesIO(files[WEIGHTS]), weights_only=True, map_location="cpu"))


def train_module(
    project: Project,
    params: Mapping[str, Any],
    parts: Mapping[str, Arrays],
    seed: int,
    epochs: int,
    on_epoch: Callable[[Epoch], None] | None = None,
    initial: Mapping[str, Tensor] | None = None,
) -> Trained:
    """Train one model on the device that is there for it, and keep the weights of its best epoch on the validation part.

    Args:
        project: gives the model component and the metric that decides.
        params: of the model and of the training (``learning_rate``, ``batch_size``, ``weight_decay``).
        parts: ``train`` and ``validation``.
        seed: of initial weights, order of rows and dropout.
        epochs: passes over the training part.
        on_epoch: called after each epoch with its metrics (``epoch`` counts from 1); may raise to stop.
        initial: weights to begin with (warm start).

    Raises:
        InputError: parameters that do not fit, or initial weights of another architecture.
        TrainingError: the loss is no longer finite.
    """
    import torch

    deciding = metric(project)
    sign = 1.0 if mode(project) == "max" else -1.0
    given = {**DEFAULTS, **params}
    batch = int(given["batch_size"])
    if batch < 1 or float(given["learning_rate"]) <= 0 or epochs < 1:
        raise InputError(f"batch_size and epochs must be at least 1 and learning_rate above 0, not {given}, {epochs} epochs")
    x, y = torch.from_numpy(parts["train"].inputs), _targets(project.task, parts["train"].labels)
    fresh = varied(project, parts["train"], seed)
    history: list[Epoch] = []
    best: tuple[tuple[float, float], int, dict[str, Tensor]] | None = None
    on = device.chosen()
    with device.deterministic(seed, on):
        module = _begin(project, params, initial).to(on)
        check(project, module, x[:2])
        optimiser = torch.optim.Adam(
            module.parameters(), lr=float(given["learning_rate"]), weight_decay=float(given["weight_decay"])
        )
        for epoch in range(1, epochs + 1):
            module.train()
            total = 0.0
            for rows in torch.randperm(len(x)).split(batch):
                optimiser.zero_grad()
                inputs = x[rows] if fresh is None else torch.from_numpy(fresh(rows.numpy(), epoch))
                loss = _loss(project.task, module(inputs.to(on)), y[rows].to(on))
                loss.backward()
                optimiser.step()
                total += loss.item() * len(rows)
            if not total < float("inf"):
                raise TrainingError(f"the loss is {total} in epoch {epoch}: lower learning_rate (now {given['learning_rate']})")
            history.append({"epoch": epoch, "train_loss": total / len(x), **_validate(project, module, parts["validation"])})
            score = (sign * history[-1][deciding], -history[-1]["validation_loss"])
            if best is None or score > best[0]:
                best = (score, epoch, device.weights_of(module))
            if on_epoch:
                on_epoch(history[-1])
    assert best is not None
    module.load_state_dict(best[2])
    return Trained(module.eval(), project.task, history, best[1])


def _targets(task: Task, labels: np.ndarray) -> Tensor:
    import torch

    return torch.from_numpy(labels) if task == "classification" else torch.from_numpy(labels).to(torch.float32)


def _loss(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    from torch.nn import functional as F

    if task == "classification":
        return F.cross_entropy(outputs, targets)
    return F.mse_loss(outputs.reshape(len(outputs)), targets)


def _begin(project: Project, params: Mapping[str, Any], initial: Mapping[str, Tensor] | None) -> nn.Module:
    """Return the network to begin with, with the weights of a model where some are given (`include.projects.training.StartFrom`).

    Raises:
        InputError: those are of another architecture; the message says which differ, and how.
    """
    module: nn.Module = build(project, params)
    if initial is None:
        return module
    wish = project.training.start_from
    anew, freeze = (tuple(wish.anew), tuple(wish.freeze)) if wish else ((), ())
    own = module.state_dict()
    taken = {name: value for name, value in initial.items() if not (anew and name.startswith(anew))}
    wrong = [f"{name} is missing in it" for name in own if name not in initial and not (anew and name.startswith(anew))]
    wrong += [f"{name} is in it alone" for name in taken if name not in own]
    pairs = ((name, tuple(own[name].shape), tuple(value.shape)) for name, value in taken.items() if name in own)
    wrong += [f"{name} is {theirs} in it and {mine} here" for name, mine, theirs in pairs if mine != theirs]
    if wrong:
        told = "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        advice = "use the same params as that model, or name these in training.start_from.anew"
        raise InputError(f"the weights to begin with are of another architecture ({told}); {advice}")
    if unknown := [one for one in (*anew, *freeze) if not any(name.startswith(one) for name in own)]:
        problem = f"training.start_from of {project.name} names {', '.join(unknown)}"
        raise InputError(f"{problem}, and no weights begin so; there are {', '.join(own)}")
    module.load_state_dict({**own, **taken})
    for name, value in module.named_parameters():
        value.requires_grad_(not (freeze and name.startswith(freeze)))
    return module


def _validate(project: Project, module: nn.Module, part: Arrays) -> Epoch:
    return measure(project, part.labels, predict_inputs(module, part.inputs, project.task))


def predict_inputs(module: nn.Module, inputs: np.ndarray, task: Task = "classification", batch: int = 1024) -> np.ndarray:
    """Return the outputs of preprocessed inputs (n, ...): probabilities float32 (n, classes), or numbers float32 (n,).

    They are computed where the module is.
    """
    import numpy as np
    import torch

    was_training, on = module.training, device.of(module)
    module.eval()
    with torch.inference_mode():
        rows = [module(part.to(on)) for part in torch.from_numpy(inputs).split(batch)]
        if task == "classification":
            found = [torch.softmax(part, dim=1).cpu().numpy() for part in rows]
        else:
            found = [part.reshape(len(part)).cpu().numpy() for part in rows]
    module.train(was_training)
    return np.concatenate(found)
