"""The model of digits: a small convolutional network over 8 x 8 images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

CLASSES = 10
DEFAULTS: dict[str, Any] = {"channels": 16, "hidden": 64, "dropout": 0.2}


def build(params: dict[str, Any]) -> nn.Module:
    """Build the network with random weights.

    Args:
        params: ``channels`` of the first convolution (the second has twice as many), ``hidden`` units
            and ``dropout`` in front of the last layer; others belong to the training and are ignored.

    Returns:
        A module from float32 images (n, 1, 8, 8) to logits (n, 10).

    Raises:
        ValueError: a parameter lies outside what the network can have.
    """
    from torch import nn

    given = {**DEFAULTS, **{key: params[key] for key in DEFAULTS if key in params}}
    channels, hidden, dropout = int(given["channels"]), int(given["hidden"]), float(given["dropout"])
    if channels < 1 or hidden < 1 or not 0 <= dropout < 1:
        raise ValueError(f"channels and hidden must be at least 1 and dropout in [0, 1), not {given}")
    return nn.Sequential(
        nn.Conv2d(1, channels, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * channels * 4 * 4, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, CLASSES),
    )
