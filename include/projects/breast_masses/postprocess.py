"""The model's outputs as answers. Runs in training and inside the model server: numpy alone, 1.26 or newer."""

from __future__ import annotations

import numpy as np

CLASSES = 2


def postprocess(logits: np.ndarray) -> dict[str, np.ndarray]:
    """Turn logits into the more probable diagnosis and the probabilities of both.

    Args:
        logits: (n, 2), one row a mass.

    Returns:
        ``LABEL`` int32 (n, 1), the class index; ``PROBABILITIES`` float32 (n, 2), rows that add up to 1.

    Raises:
        ValueError: another shape, or values that are not finite: no answer is better than a wrong one.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or logits.shape[1] != CLASSES:
        raise ValueError(f"logits have the shape {logits.shape}; wanted (n, {CLASSES})")
    if not np.isfinite(logits).all():
        raise ValueError("logits are not finite: the model is broken or its input was not checked")
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return {"LABEL": probabilities.argmax(axis=1).astype(np.int32)[:, np.newaxis], "PROBABILITIES": probabilities}
