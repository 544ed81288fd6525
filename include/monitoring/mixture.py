"""What a model's reference expects of a window when the model was trained on more than one kind of rows.

A model that was retrained on a bundle knows the rows of before and the rows that had drifted. Traffic of either kind, or
any mix of the two, is nothing new to it, though it differs from the mix of its training data. So a window is compared
with the mix of the reference's groups that explains it best: the maximum-likelihood weights, by expectation
maximisation (Dempster, Laird, Rubin 1977), with one weight a group for all features together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STEPS = 100
SMOOTHING = 0.5


def explain(groups: Sequence[np.ndarray], window: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mix of groups that explains a window best.

    Args:
        groups: counts of each of the G groups, (F, K).
        window: counts of the window, (F, K).
        used: bool (F, K): bins that exist.

    Returns:
        The expected shares, float (F, K), each row adding up to 1, and the weights, float (G,).
    """
    shares = np.stack([_shares(counts, used) for counts in groups])
    seen = window / window.sum(-1, keepdims=True)
    weights = np.full(len(shares), 1 / len(shares))
    for _ in range(STEPS):
        mixed = np.tensordot(weights, shares, 1)
        ratio = np.divide(seen, mixed, out=np.zeros_like(mixed), where=used)
        weights = weights * (shares * ratio).sum((1, 2)) / len(window)
        weights /= weights.sum()
    return np.tensordot(weights, shares, 1), weights


def _shares(counts: np.ndarray, used: np.ndarray) -> np.ndarray:
    smooth = np.where(used, counts + SMOOTHING, 0.0)
    return smooth / smooth.sum(-1, keepdims=True)
