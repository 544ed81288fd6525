"""The training loop: plain torch on arrays, the same numbers for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training.errors import InputError, TrainingError
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

MODES = {"validation_accuracy": "max", "validation_macro_f1": "max", "validation_loss": "min"}
DEFAULTS: dict[str, Any] = {"learning_rate": 0.002, "batch_size": 32, "weight_decay": 1e-4}

Epoch = dict[str, float]


@dataclass(frozen=True)
class Trained:
    """A trained model with its best epoch's weights in place.

    Attributes:
        module: in evaluation mode, on the CPU.
        history: metrics of each epoch, the first epoch first.
        best_epoch: whose weights were kept, counted from 1.
    """

    module: nn.Module
    history: list[Epoch] = field(repr=False)
    best_epoch: int

    @property
    def best(self) -> Epoch:
        """Metrics of the best epoch."""
        return self.history[self.best_epoch - 1]


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """Inside the block torch computes the same on every run: seeded, one thread, deterministic kernels."""
    import torch

    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict)


def mode(metric: str) -> str:
    """Return ``max`` or ``min``: which way ``metric`` gets better.

    Raises:
        InputError: no such metric is measured during training.
    """
    if metric not in MODES:
        raise InputError(f"training measures {', '.join(MODES)}, not {metric!r}; correct training.tuning.metric in project.yaml")
    return MODES[metric]


def train_module(
    project: Project,
    params: Mapping[str, Any],
    parts: Mapping[str, Arrays],
    seed: int,
    epochs: int,
    on_epoch: Callable[[Epoch], None] | None = None,
    initial: Mapping[str, Tensor] | None = None,
) -> Trained:
    """Train one model and keep the weights of its best epoch on the validation part.

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
    from torch.nn import functional as F

    metric = project.training.tuning.metric
    sign = 1.0 if mode(metric) == "max" else -1.0
    given = {**DEFAULTS, **params}
    batch = int(given["batch_size"])
    if batch < 1 or float(given["learning_rate"]) <= 0 or epochs < 1:
        raise InputError(f"batch_size and epochs must be at least 1 and learning_rate above 0, not {given}, {epochs} epochs")
    x, y = torch.from_numpy(parts["train"].inputs), torch.from_numpy(parts["train"].labels)
    history: list[Epoch] = []
    best: tuple[tuple[float, float], int, dict[str, Tensor]] | None = None
    with deterministic(seed):
        module = _begin(project, params, initial)
        optimiser = torch.optim.Adam(
            module.parameters(), lr=float(given["learning_rate"]), weight_decay=float(given["weight_decay"])
        )
        for epoch in range(1, epochs + 1):
            module.train()
            total = 0.0
            for rows in torch.randperm(len(x)).split(batch):
                optimiser.zero_grad()
                loss = F.cross_entropy(module(x[rows]), y[rows])
                loss.backward()
                optimiser.step()
                total += loss.item() * len(rows)
            if not total < float("inf"):
                raise TrainingError(f"the loss is {total} in epoch {epoch}: lower learning_rate (now {given['learning_rate']})")
            history.append({"epoch": epoch, "train_loss": total / len(x), **_validate(module, parts["validation"])})
            score = (sign * history[-1][metric], -history[-1]["validation_loss"])
            if best is None or score > best[0]:
                best = (score, epoch, {key: value.clone() for key, value in module.state_dict().items()})
            if on_epoch:
                on_epoch(history[-1])
    assert best is not None
    module.load_state_dict(best[2])
    return Trained(module.eval(), history, best[1])


def _begin(project: Project, params: Mapping[str, Any], initial: Mapping[str, Tensor] | None) -> nn.Module:
    try:
        module: nn.Module = project.component("model")(dict(params))
    except (TypeError, ValueError) as cause:
        raise InputError(f"the model of {project.name} cannot be built from {dict(params)}: {cause}") from cause
    if initial is not None:
        try:
            module.load_state_dict(dict(initial))
        except RuntimeError as cause:
            problem = str(cause).splitlines()[-1].strip()
            raise InputError(
                f"the weights to begin with are of another architecture ({problem}); use the same params as that model"
            ) from cause
    return module


def _validate(module: nn.Module, part: Arrays) -> Epoch:
    import numpy as np

    probabilities = predict_inputs(module, part.inputs)
    guess = probabilities.argmax(1)
    picked = np.clip(probabilities[np.arange(len(guess)), part.labels], 1e-12, 1)
    return {
        "validation_loss": float(-np.log(picked).mean()),
        "validation_accuracy": float((guess == part.labels).mean()),
        "validation_macro_f1": macro_f1(part.labels, guess),
    }


def macro_f1(labels: np.ndarray, guess: np.ndarray) -> float:
    """Return the mean F1 over the classes that occur in labels or guesses."""
    import numpy as np

    scores = []
    for name in np.union1d(labels, guess):
        hit = int(((labels == name) & (guess == name)).sum())
        scores.append(2 * hit / (int((labels == name).sum()) + int((guess == name).sum())))
    return float(np.mean(scores))


def predict_inputs(module: nn.Module, inputs: np.ndarray, batch: int = 1024) -> np.ndarray:
    """Return the class probabilities float32 (n, classes) of preprocessed inputs (n, ...)."""
    import numpy as np
    import torch

    was_training = module.training
    module.eval()
    with torch.inference_mode():
        rows = [torch.softmax(module(part), dim=1).numpy() for part in torch.from_numpy(inputs).split(batch)]
    module.train(was_training)
    return np.concatenate(rows)


def predict(module: nn.Module, project: Project, contents: np.ndarray) -> np.ndarray:
    """Return the class probabilities of items as they were collected.

    Args:
        module: of `load_model` or `train_module`.
        project: gives the preprocessing.
        contents: items (n, *content.shape).

    Returns:
        float32 (n, classes); each row adds up to 1.
    """
    import numpy as np

    return predict_inputs(module, np.ascontiguousarray(project.component("preprocess")(contents), dtype=np.float32))
