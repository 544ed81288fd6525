"""The model of support tickets: a small Transformer over the terms of a text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

CLASSES = 5
PLACES = 1 + 64 + 1500  # of a term: nothing, shared ones, known ones, as the transform `tokens` of project.yaml has them
LENGTH = 48
DEFAULTS: dict[str, Any] = {"width": 48, "heads": 4, "layers": 1, "dropout": 0.1}


def build(params: dict[str, Any]) -> nn.Module:
    """Build the network with random weights.

    Args:
        params: ``width`` of a term's vector (a multiple of ``heads``), ``heads`` of the attention, ``layers`` and
            ``dropout``; others belong to the training and are ignored.

    Returns:
        A module from the numbers of terms, float32 (n, 48) with 0 for nothing, to logits (n, 5).

    Raises:
        ValueError: a parameter lies outside what the network can have.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    given = {**DEFAULTS, **{key: params[key] for key in DEFAULTS if key in params}}
    width, heads, layers, dropout = int(given["width"]), int(given["heads"]), int(given["layers"]), float(given["dropout"])
    if heads < 1 or width < heads or width % heads or layers < 1 or not 0 <= dropout < 1:
        raise ValueError(f"width must be a multiple of heads, layers at least 1 and dropout in [0, 1), not {given}")

    class Layer(nn.Module):
        """Attention of each term to all others, then two dense layers; each added to what came in."""

        def __init__(self) -> None:
            super().__init__()
            self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
            self.asked, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.dense = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            self.drop = nn.Dropout(dropout)

        def forward(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
            parts = self.asked(self.before(x)).reshape(-1, LENGTH, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            scores = parts[0] @ parts[1].transpose(-1, -2) / math.sqrt(width // heads) + hidden
            seen = functional.softmax(scores, dim=-1) @ parts[2]
            x = x + self.drop(self.mixed(seen.permute(0, 2, 1, 3).reshape(-1, LENGTH, width)))
            return x + self.drop(self.dense(self.after(x)))

    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.terms, self.drop = nn.Embedding(PLACES, width), nn.Dropout(dropout)
            self.order = nn.Parameter(torch.randn(LENGTH, width) * 0.02)
            self.layers = nn.ModuleList([Layer() for _ in range(layers)])
            self.last, self.answer = nn.LayerNorm(width), nn.Linear(width, CLASSES)

        def forward(self, numbers: torch.Tensor) -> torch.Tensor:
            there = (numbers > 0).to(torch.float32)
            hidden = (there[:, None, None, :] - 1) * 1e4  # what is nothing gets no attention
            x = self.drop(self.terms(numbers.to(torch.int64)) + self.order)
            for layer in self.layers:
                x = layer(x, hidden)
            kept = there[:, :, None]
            mean = (self.last(x) * kept).sum(1) / (kept.sum(1) + 1e-6)
            logits: torch.Tensor = self.answer(mean)
            return logits

    return Transformer()
