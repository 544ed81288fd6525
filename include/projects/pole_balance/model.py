"""The model of the pole: a small network that says what a push to each side is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

STATE, ACTIONS = 4, 2
DEFAULTS: dict[str, Any] = {"hidden": 64}


def build(params: dict[str, Any]) -> nn.Module:
    """Build the network with random weights.

    Args:
        params: ``hidden`` units of each of two layers; others belong to the training and are ignored.

    Returns:
        A module from states float32 (n, 4) to values (n, 2).

    Raises:
        ValueError: ``hidden`` is less than 1.
    """
    from torch import nn

    hidden = int(params.get("hidden", DEFAULTS["hidden"]))
    if hidden < 1:
        raise ValueError(f"hidden must be at least 1, not {hidden}")
    return nn.Sequential(nn.Linear(STATE, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, ACTIONS))
