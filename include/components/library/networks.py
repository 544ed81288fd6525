"""Training of torch networks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from include.components.declare import Context, component
from include.components.types import Inputs, Labels, Metrics, Model

OUTPUTS = {"model": Model, "figures": Metrics}
Epochs = Annotated[int, Field(ge=1, le=100_000)]
Rate = Annotated[float, Field(gt=0, le=1)]
Batch = Annotated[int, Field(ge=1, le=100_000)]
Decay = Annotated[float, Field(ge=0, le=1)]


def _trained(
    context: Context,
    build: str,
    architecture: dict[str, Any],
    training: dict[str, Any],
    parts: tuple[Any, Any, Any, Any],
    epochs: int,
) -> dict[str, Any]:
    from include.components.building import arrays, network

    made = network(context, build, architecture, training, arrays(*parts), epochs)
    return {"model": made, "figures": {name: value for name, value in made.best.items() if name != "epoch"}}


@component(name="full_layers", version=1, kind="train", outputs=OUTPUTS)
def full_layers(
    train: Inputs,
    train_labels: Labels,
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    hidden: list[Annotated[int, Field(ge=1, le=65_536)]] = [32],  # noqa: B006 - a declaration
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    epochs: Epochs = 50,
    learning_rate: Rate = 0.005,
    batch_size: Batch = 32,
    weight_decay: Decay = 1e-4,
) -> dict[str, Any]:
    """Train a network of full layers, ``hidden`` units each, and keep its best epoch."""
    width, classes = int(train[0].size), len(context.project.classes)
    outputs = classes if context.project.task == "classification" else 1
    architecture = {"inputs": width, "hidden": hidden, "outputs": outputs, "dropout": dropout}
    training = {"learning_rate": learning_rate, "batch_size": batch_size, "weight_decay": weight_decay}
    return _trained(context, "mlp", architecture, training, (train, train_labels, validation, validation_labels), epochs)


@component(name="network", version=1, kind="train", outputs=OUTPUTS)
def network(
    train: Inputs,
    train_labels: Labels,
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    build: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] = "model:build",
    names: list[str] = [],  # noqa: B006 - a declaration
    values: list[float] = [],  # noqa: B006
    epochs: Epochs = 25,
    learning_rate: Rate = 0.002,
    batch_size: Batch = 32,
    weight_decay: Decay = 1e-4,
) -> dict[str, Any]:
    """Train the network that ``module:function`` of the project builds from ``names`` and ``values``; keep its best epoch."""
    if len(names) != len(values):
        raise ValueError(f"there are {len(names)} names and {len(values)} values of parameters")
    training = {"learning_rate": learning_rate, "batch_size": batch_size, "weight_decay": weight_decay}
    parts = (train, train_labels, validation, validation_labels)
    return _trained(context, build, dict(zip(names, values, strict=True)), training, parts, epochs)
