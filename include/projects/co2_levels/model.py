"""The model of CO2 levels: a recurrent network (GRU) that says how much the level changes after its last week."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

SERIES = 3  # of the four that preprocessing gives: the last is the level itself, which the answer is added to
DEFAULTS: dict[str, Any] = {"hidden": 16, "dropout": 0.0}


def build(params: dict[str, Any]) -> nn.Module:
    """Build the network with random weights.

    Args:
        params: ``hidden`` units of the GRU and ``dropout`` behind it; others belong to the training and are ignored.

    Returns:
        A module from windows as `preprocess` gives them, float32 (n, 12, 4), to ppm (n, 1).

    Raises:
        ValueError: a parameter lies outside what the network can have.
    """
    import torch
    from torch import nn

    given = {**DEFAULTS, **{key: params[key] for key in DEFAULTS if key in params}}
    hidden, dropout = int(given["hidden"]), float(given["dropout"])
    if hidden < 1 or not 0 <= dropout < 1:
        raise ValueError(f"hidden must be at least 1 and dropout in [0, 1), not {given}")

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weeks = nn.GRU(SERIES, hidden, batch_first=True)
            self.drop, self.change = nn.Dropout(dropout), nn.Linear(hidden, 1)

        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            _, state = self.weeks(windows[:, :, :SERIES])
            level: torch.Tensor = windows[:, -1, SERIES:]
            return level + self.change(self.drop(state[-1]))

    return Recurrent()
