"""Dimensionality reduction: models that tell an item by a few numbers, from which it can be brought back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from include.projects import Project
from include.training import device
from include.training.errors import InputError, TrainingError
from include.training.estimators import Estimator, EstimatorLearner, as_onnx, seeded
from include.training.learners import Epoch, Files, Learner, build
from include.training.loop import DEFAULTS, TorchLearner, Trained, _begin, weights
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np

NEIGHBOURS = 5
ROWS = 1500  # that distances between all pairs are computed of


class Reduced(Protocol):
    """What a reduction can do beside `Fitted`."""

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return what items are reduced to, float32 (n, dimensions)."""

    def restore(self, outputs: np.ndarray) -> np.ndarray:
        """Return inputs brought back from that, float32 (n, inputs of an item)."""


class Projection(Estimator):
    """A reduction as scikit-learn has them, such as PCA."""

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n, dimensions)."""
        import numpy as np

        return np.asarray(self.estimator.transform(inputs.reshape(len(inputs), -1)), dtype=np.float32)

    def restore(self, outputs: np.ndarray) -> np.ndarray:
        """Return inputs (n, inputs of an item)."""
        import numpy as np

        return np.asarray(self.estimator.inverse_transform(outputs), dtype=np.float32)

    def export(self, example: np.ndarray, path: Path) -> None:
        """Write it as ONNX."""
        as_onnx(self.estimator, example, path, self.predict(example[:1]).shape[1], "Identity")


class Autoencoder(Trained):
    """A network that reduces by ``encode`` and brings back by ``decode``; its ``forward`` is to be ``encode``."""

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n, dimensions)."""
        return self._run(self.module.encode, inputs)

    def restore(self, outputs: np.ndarray) -> np.ndarray:
        """Return inputs (n, inputs of an item)."""
        found = self._run(self.module.decode, outputs)
        return found.reshape(len(found), -1)

    def _run(self, half: Any, values: np.ndarray) -> np.ndarray:
        import numpy as np
        import torch

        on = device.of(self.module)
        with torch.inference_mode():
            parts = torch.from_numpy(np.ascontiguousarray(values)).split(4096)
            return np.concatenate([half(part.to(on)).cpu().numpy() for part in parts])


class ReductionLearner(Learner):
    """Fits reductions as scikit-learn has them."""

    def fit(
        self,
        project: Project,
        params: Mapping[str, Any],
        parts: Mapping[str, Arrays],
        seed: int,
        epochs: int,
        on_epoch: Callable[[Epoch], None] | None = None,
        initial: Files | None = None,
    ) -> Projection:
        """Fit in one go; arguments as of `Learner.fit`."""
        if initial:
            raise InputError(f"a reduction of {project.name} without a network cannot go on from a trained one")
        train, held = parts["train"].inputs, parts["validation"].inputs
        estimator = seeded(build(project, params), seed)
        try:
            estimator.fit(train.reshape(len(train), -1))
        except (ValueError, FloatingPointError) as cause:
            raise TrainingError(f"the reduction of {project.name} cannot be fitted with {dict(params)}: {cause}") from cause
        found = Projection(estimator, project.task, [], 1)
        found.history.append(_epoch(found, train, held, 1, lost(found, train)))
        if on_epoch:
            on_epoch(found.history[-1])
        return found

    def load(self, project: Project, params: Mapping[str, Any], files: Files) -> Projection:
        """Bring a reduction back."""
        return Projection(EstimatorLearner().load(project, params, files).estimator, project.task, [], 0)


class AutoencoderLearner(Learner):
    """Trains networks to bring back what they reduced; the epoch that does it best on the validation part is kept."""

    def place(self) -> str:
        """Return the device that networks compute on."""
        return TorchLearner().place()

    def fit(
        self,
        project: Project,
        params: Mapping[str, Any],
        parts: Mapping[str, Arrays],
        seed: int,
        epochs: int,
        on_epoch: Callable[[Epoch], None] | None = None,
        initial: Files | None = None,
    ) -> Autoencoder:
        """Train; arguments as of `Learner.fit`."""
        import torch
        from torch.nn import functional

        given = {**DEFAULTS, **params}
        inputs, held = parts["train"].inputs, parts["validation"].inputs
        x = torch.from_numpy(inputs)
        history: list[Epoch] = []
        best: tuple[float, int, dict[str, torch.Tensor]] | None = None
        on = device.chosen()
        with device.deterministic(seed, on):
            module: Any = _begin(project, params, weights(initial) if initial else None).to(on)
            optimiser = torch.optim.Adam(
                (one for one in module.parameters() if one.requires_grad),
                lr=float(given["learning_rate"]),
                weight_decay=float(given["weight_decay"]),
            )
            for epoch in range(1, epochs + 1):
                module.train()
                total = 0.0
                for rows in torch.randperm(len(x)).split(int(given["batch_size"])):
                    optimiser.zero_grad()
                    some = x[rows].to(on)
                    back = module.decode(module.encode(some))
                    loss = functional.mse_loss(back.reshape(len(rows), -1), some.reshape(len(rows), -1))
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
                    total += loss.item() * len(rows)
                if not total < float("inf"):
                    raise TrainingError(f"the loss is {total} in epoch {epoch}: lower learning_rate ({given['learning_rate']})")
                now = Autoencoder(module.eval(), project.task, history, epoch)
                history.append(_epoch(now, inputs, held, epoch, total / len(x)))
                if best is None or history[-1]["validation_loss"] < best[0]:
                    best = (history[-1]["validation_loss"], epoch, device.weights_of(module))
                if on_epoch:
                    on_epoch(history[-1])
        assert best is not None
        module.load_state_dict(best[2])
        return Autoencoder(module.eval(), project.task, history, best[1])

    def load(self, project: Project, params: Mapping[str, Any], files: Files) -> Autoencoder:
        """Build the network and put the weights in."""
        return Autoencoder(TorchLearner().load(project, params, files).module, project.task, [], 0)


def lost(found: Reduced, inputs: np.ndarray) -> float:
    """Return the mean squared error of inputs that were reduced and brought back."""
    flat = inputs.reshape(len(inputs), -1)
    return float(((found.restore(found.predict(inputs)) - flat) ** 2).mean())


def quality(train: np.ndarray, inputs: np.ndarray, outputs: np.ndarray, back: np.ndarray) -> dict[str, float]:
    """Return the figures of a reduction.

    Args:
        train: inputs of the training part: variance is measured around their mean.
        inputs: (n, ...).
        outputs: what they are reduced to (n, dimensions).
        back: what came back of them (n, inputs of an item).
    """
    import numpy as np
    from sklearn.manifold import trustworthiness
    from sklearn.neighbors import NearestNeighbors

    flat, middle = inputs.reshape(len(inputs), -1), train.reshape(len(train), -1).mean(0)
    squares = float(((back - flat) ** 2).mean())
    spread = float(((flat - middle) ** 2).mean())
    found = {"explained_variance": 1 - squares / spread if spread else float("nan"), "reconstruction_error": squares**0.5}
    rows = slice(0, ROWS)
    few = min(NEIGHBOURS, (len(flat[rows]) - 1) // 2)
    if few < 1:
        return found | {"trustworthiness": float("nan"), "neighbours_kept": float("nan")}
    before, after = (
        NearestNeighbors(n_neighbors=few).fit(values).kneighbors(return_distance=False) for values in (flat[rows], outputs[rows])
    )
    kept = [len(np.intersect1d(one, other)) / few for one, other in zip(before, after, strict=True)]
    trust = float(trustworthiness(flat[rows], outputs[rows], n_neighbors=few))
    return found | {"trustworthiness": trust, "neighbours_kept": float(np.mean(kept))}


def simple(train: np.ndarray, part: np.ndarray, dimensions: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return simple reductions to as many numbers: outputs and what comes back by a linear regression, by name.

    They are the inputs that vary most as they are, and a random projection.
    """
    import numpy as np
    from sklearn.linear_model import Ridge

    flat, asked = train.reshape(len(train), -1), part.reshape(len(part), -1)
    most = np.argsort(-flat.var(0), kind="stable")[:dimensions]
    draw = np.random.default_rng(0).normal(size=(flat.shape[1], dimensions)) / dimensions**0.5
    found = {}
    for name, reduce in {"inputs that vary most": lambda x: x[:, most], "random projection": lambda x: x @ draw}.items():
        back = Ridge(1e-3).fit(reduce(flat), flat)
        found[name] = (reduce(asked), np.asarray(back.predict(reduce(asked))))
    return found


def _epoch(found: Reduced, train: np.ndarray, held: np.ndarray, epoch: int, loss: float) -> Epoch:
    flat, middle = held.reshape(len(held), -1), train.reshape(len(train), -1).mean(0)
    error, spread = lost(found, held), float(((flat - middle) ** 2).mean())
    explained = 1 - error / spread if spread else 0.0
    return {"epoch": epoch, "train_loss": loss, "validation_loss": error, "validation_explained_variance": explained}
