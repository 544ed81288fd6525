"""The simulator: a pole on a cart, as gymnasium ships it."""

from __future__ import annotations

from typing import Any


def make() -> Any:
    """Return CartPole-v1: a state of four numbers, two actions, 1 for each step that the pole stays up, at most 500."""
    import gymnasium

    return gymnasium.make("CartPole-v1")
