"""What components of the kind train call: the product's learners, with the seed and the log of the step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.components.adapter import Building
from include.components.declare import Context
from include.training.errors import InputError
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np

    from include.components.models import Network
    from include.training.estimators import Estimator


def arrays(
    train: np.ndarray, train_labels: np.ndarray, validation: np.ndarray, validation_labels: np.ndarray
) -> dict[str, Arrays]:
    """Return two parts as learners take them.

    Raises:
        InputError: inputs and labels do not fit each other.
    """
    found = {}
    for name, inputs, labels in (("train", train, train_labels), ("validation", validation, validation_labels)):
        if len(inputs) != len(labels):
            raise InputError(f"{name} has {len(inputs)} rows and {len(labels)} labels: connect those that belong together")
        if not len(inputs):
            raise InputError(f"{name} has no rows")
        found[name] = Arrays(inputs, inputs, labels, ["dev"] * len(labels))
    if train.shape[1:] != validation.shape[1:]:
        raise InputError(f"rows are {train.shape[1:]} in train and {validation.shape[1:]} in validation")
    return found


def estimator(context: Context, build: Callable[[], Any], parts: Mapping[str, Arrays], epochs: int = 1) -> Estimator:
    """Train an estimator as scikit-learn has them.

    Args:
        context: of the component.
        build: gives a new one.
        parts: of `arrays`.
        epochs: passes, of one that learns gradually.
    """
    from include.training.estimators import EstimatorLearner

    there: Any = Building(context.project, lambda _: build())
    return EstimatorLearner().fit(there, {}, parts, context.seed, epochs, _report(context, epochs))


def network(
    context: Context,
    build: str,
    architecture: Mapping[str, Any],
    training: Mapping[str, Any],
    parts: Mapping[str, Arrays],
    epochs: int,
) -> Network:
    """Train a torch network and keep its best epoch.

    Args:
        context: of the component.
        build: ``module:function`` of the project, or ``mlp``.
        architecture: what ``build`` takes; kept, since it builds the network again.
        training: ``learning_rate``, ``batch_size``, ``weight_decay``.
        parts: of `arrays`.
        epochs: at most so many passes.
    """
    from include.components.models import Network
    from include.training.loop import TorchLearner

    there: Any = Building(context.project, build)
    given = {**architecture, **training}
    teacher = TorchLearner()
    context.say(f"it trains on {teacher.place()}")
    trained = teacher.fit(there, given, parts, context.seed, epochs, _report(context, epochs))
    return Network(trained, build, given)


def _report(context: Context, most: int) -> Callable[[dict[str, float]], None]:
    def report(epoch: dict[str, float]) -> None:
        figures = " ".join(f"{name} {value:.4f}" for name, value in epoch.items() if name != "epoch")
        context.say(f"epoch {epoch['epoch']:.0f}/{most} {figures}")

    return report
