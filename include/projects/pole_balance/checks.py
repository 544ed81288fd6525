"""What a policy of the pole must do, whatever it learnt from."""

from __future__ import annotations

import numpy as np


def falling() -> tuple[np.ndarray, list[str]]:
    """Return states of a pole that falls to one side with the cart in the middle, and the push that catches it."""
    return np.array([[0, 0, -0.1, -0.5], [0, 0, 0.1, 0.5]]), ["left", "right"]
