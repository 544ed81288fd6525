"""The model's outputs as answers. Runs in training and inside the model server: numpy alone, 1.26 or newer."""

from __future__ import annotations

import numpy as np


def postprocess(outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Turn outputs into the nearest cluster and the memberships of all.

    Args:
        outputs: (n, clusters), one row a flower: logarithms of memberships up to a constant.

    Returns:
        ``LABEL`` int32 (n, 1), the cluster's number; ``MEMBERSHIPS`` float32 (n, clusters), rows that add up to 1.

    Raises:
        ValueError: another shape, or values that are not finite: no answer is better than a wrong one.
    """
    outputs = np.asarray(outputs, dtype=np.float64)
    if outputs.ndim != 2 or outputs.shape[1] < 1:
        raise ValueError(f"outputs have the shape {outputs.shape}; wanted (n, clusters)")
    if not np.isfinite(outputs).all():
        raise ValueError("outputs are not finite: the model is broken or its input was not checked")
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    memberships = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return {"LABEL": memberships.argmax(axis=1).astype(np.int32)[:, np.newaxis], "MEMBERSHIPS": memberships}
