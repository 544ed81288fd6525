"""Models that steps pass on: estimators, networks, and what is put together of them.

Each is a `include.training.Fitted` on the inputs that the project's preparation makes, so evaluation, card, release and
reproduction know it as any other. It is kept as a folder: ``model.json`` says what it is made of, and the files of the
first member begin with ``0.``. ``learnt_from`` are the digests of the inputs that a member was trained or chosen on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.components.adapter import Building
from include.projects import Project
from include.training.errors import InputError
from include.training.estimators import ESTIMATOR, Estimator, EstimatorLearner
from include.training.learners import Files, Fitted
from include.training.loop import WEIGHTS, TorchLearner, Trained

if TYPE_CHECKING:
    import numpy as np

DESCRIPTION = "model.json"
FORM = 1


class Network(Trained):
    """A trained network that knows how it is built again.

    Args:
        trained: the network.
        build: ``module:function`` of the project, or the name of a built-in architecture.
        params: of it.
    """

    def __init__(self, trained: Trained, build: str, params: Mapping[str, Any]) -> None:
        super().__init__(trained.module, trained.task, trained.history, trained.best_epoch)
        self.build, self.params = build, dict(params)


class Composite(Fitted):
    """A model made of others."""

    framework = "workflow"
    kind: str
    members: list[Fitted]

    def __init__(self, members: Sequence[Fitted], task: str) -> None:
        self.members, self.task = list(members), task
        self.history, self.best_epoch = [], 0

    @property
    def size(self) -> int:
        """Return how many numbers all members learnt."""
        return sum(one.size for one in self.members)

    def files(self) -> Files:
        """Return the files of all members with the description."""
        return model_files(self)

    def said(self) -> dict[str, Any]:
        """Return what the description tells beside the members."""
        return {}

    def own_files(self) -> Files:
        """Return the files that belong to no member."""
        return {}

    def combine(self, outputs: list[np.ndarray]) -> np.ndarray:
        """Return the model's outputs, given those of the members: probabilities (n, classes), or numbers (n,)."""
        raise NotImplementedError

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities (n, classes) or numbers (n,)."""
        import numpy as np

        return np.asarray(self.combine([one.predict(inputs) for one in self.members]), dtype=np.float32)

    def export(self, example: np.ndarray, path: Path) -> None:
        """Write all members and what puts them together as one ONNX file."""
        from include.components.fuse import fuse

        fuse(self, example, path)


class Vote(Composite):
    """The weighted mean of its members' probabilities, or numbers."""

    kind = "vote"

    def __init__(self, members: Sequence[Fitted], task: str, weights: Sequence[float]) -> None:
        super().__init__(members, task)
        total = float(sum(weights))
        self.weights = [float(one) / total for one in weights]

    def said(self) -> dict[str, Any]:
        """Return the weights."""
        return {"weights": self.weights}

    def combine(self, outputs: list[np.ndarray]) -> np.ndarray:
        """Return the weighted mean."""
        import numpy as np

        return np.asarray(sum(weight * one.astype(np.float64) for weight, one in zip(self.weights, outputs, strict=True)))


class Stack(Composite):
    """A linear model over its members' outputs.

    Args:
        members: the models below.
        task: classification or regression.
        matrix: (outputs of all members side by side, classes or 1).
        offset: (classes,) or (1,).
    """

    kind = "stack"

    def __init__(self, members: Sequence[Fitted], task: str, matrix: Any, offset: Any) -> None:
        import numpy as np

        super().__init__(members, task)
        self.matrix, self.offset = np.asarray(matrix, dtype=np.float64), np.asarray(offset, dtype=np.float64)

    @property
    def size(self) -> int:
        """Return how many numbers were learnt."""
        return super().size + self.matrix.size + self.offset.size

    def said(self) -> dict[str, Any]:
        """Return what was learnt above the members."""
        return {"matrix": self.matrix.tolist(), "offset": self.offset.tolist()}

    def combine(self, outputs: list[np.ndarray]) -> np.ndarray:
        """Return softmax of the linear model, or its number."""
        import numpy as np

        side = np.concatenate([one.reshape(len(one), -1).astype(np.float64) for one in outputs], axis=1)
        found = side @ self.matrix + self.offset
        if self.task != "classification":
            return found[:, 0]
        powers = np.exp(found - found.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


class Weighted(Composite):
    """A model whose probabilities are multiplied by a factor for each class and made to sum to 1 again."""

    kind = "weighted"

    def __init__(self, members: Sequence[Fitted], task: str, factors: Sequence[float]) -> None:
        super().__init__(members, task)
        self.factors = [float(one) for one in factors]

    def said(self) -> dict[str, Any]:
        """Return the factors."""
        return {"factors": self.factors}

    def combine(self, outputs: list[np.ndarray]) -> np.ndarray:
        """Return the probabilities, weighted."""
        import numpy as np

        found = outputs[0].astype(np.float64) * np.asarray(self.factors)
        return found / np.maximum(found.sum(axis=1, keepdims=True), 1e-30)


KINDS: dict[str, type[Composite]] = {one.kind: one for one in (Vote, Stack, Weighted)}


def model_problem(value: Any) -> str | None:
    """Return what is wrong with a value that a component gives as a Model; None where nothing is."""
    if not isinstance(value, Fitted):
        advice = "give what include.components.building trains, or an ensemble of such"
        return f"is {type(value).__name__}, wanted a trained model (include.training.Fitted): {advice}"
    if not isinstance(value, Estimator | Network | Composite):
        return f"is {type(value).__name__}, which cannot be kept: wanted an Estimator, Network, Vote, Stack or Weighted"
    wrong = [said for one in getattr(value, "members", []) if (said := model_problem(one))]
    return f"has a member that {wrong[0]}" if wrong else None


def learnt_from(model: Fitted) -> list[str]:
    """Return the digests of the inputs that one model was trained on."""
    return list(getattr(model, "learnt_from", []))


def note_inputs(model: Fitted, digests: Sequence[str]) -> None:
    """Remember the inputs of a model, and of its members that remember none."""
    if not learnt_from(model):
        model.learnt_from = sorted(digests)  # type: ignore[attr-defined]
        for one in getattr(model, "members", []):
            note_inputs(one, digests)


def leaves(model: Fitted) -> Iterator[Fitted]:
    """Yield the models that a model is made of, those at the bottom."""
    members = getattr(model, "members", None)
    if members is None:
        yield model
        return
    for one in members:
        yield from leaves(one)


def model_files(model: Fitted) -> Files:
    """Return what is to be kept of a model, by name in its folder."""
    description: dict[str, Any] = {"form": FORM, "learnt_from": learnt_from(model), "task": model.task}  # type: ignore[attr-defined]
    found: Files = {}
    if isinstance(model, Composite):
        description |= {"kind": model.kind, "members": len(model.members), **model.said()}
        for number, one in enumerate(model.members):
            found |= {f"{number}.{name}": content for name, content in model_files(one).items()}
    elif isinstance(model, Network):
        description |= {"kind": "network", "build": model.build, "params": model.params}
        found |= model.files()
    elif isinstance(model, Estimator):
        description |= {"kind": "estimator"}
        found |= model.files()
    else:
        raise InputError(f"a model of the kind {type(model).__name__} cannot be kept")
    return {DESCRIPTION: json.dumps(description, ensure_ascii=False, sort_keys=True, indent=1).encode(), **found}


def load_model(project: Project, files: Files) -> Fitted:
    """Bring a model back from its folder.

    Raises:
        InputError: the files are none of a workflow's model, or do not fit the project's code as it is now.
    """
    if DESCRIPTION not in files:
        raise InputError(f"there is no {DESCRIPTION}: the model was made without a workflow; check out the code that made it")
    try:
        said = json.loads(files[DESCRIPTION])
        model = _load(project, said, files)
    except (KeyError, TypeError, json.JSONDecodeError) as cause:
        raise InputError(f"{DESCRIPTION} does not describe a model: {cause}") from cause
    if said["learnt_from"]:
        model.learnt_from = list(said["learnt_from"])  # type: ignore[attr-defined]
    return model


def _load(project: Project, said: Mapping[str, Any], files: Files) -> Fitted:
    kind = said["kind"]
    if kind == "estimator":
        return EstimatorLearner().load(project, {}, {ESTIMATOR: files[ESTIMATOR]})
    if kind == "network":
        there = Building(project, said["build"])
        made = TorchLearner().load(there, said["params"], {WEIGHTS: files[WEIGHTS]})  # type: ignore[arg-type]
        return Network(made, said["build"], said["params"])
    members = []
    for number in range(int(said["members"])):
        inside = {name.removeprefix(f"{number}."): content for name, content in files.items() if name.startswith(f"{number}.")}
        members.append(load_model(project, inside))
    if kind == Vote.kind:
        return Vote(members, said["task"], said["weights"])
    if kind == Stack.kind:
        return Stack(members, said["task"], said["matrix"], said["offset"])
    if kind == Weighted.kind:
        return Weighted(members, said["task"], said["factors"])
    raise InputError(f"there is no model of the kind {kind!r}: it was made by newer code")
