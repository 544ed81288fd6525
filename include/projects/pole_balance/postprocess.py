"""The model's outputs as answers. Runs in training and inside the model server: numpy alone, 1.26 or newer."""

from __future__ import annotations

import numpy as np

ACTIONS = 2


def postprocess(values: np.ndarray) -> dict[str, np.ndarray]:
    """Turn values of actions into the action that is worth most.

    Args:
        values: (n, 2), one row a state.

    Returns:
        ``LABEL`` int32 (n, 1), the action's number; ``VALUES`` float32 (n, 2).

    Raises:
        ValueError: another shape, or values that are not finite: no action is better than a wrong one.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != ACTIONS:
        raise ValueError(f"values have the shape {values.shape}; wanted (n, {ACTIONS})")
    if not np.isfinite(values).all():
        raise ValueError("values are not finite: the model is broken or its input was not checked")
    return {"LABEL": values.argmax(axis=1).astype(np.int32)[:, np.newaxis], "VALUES": values.astype(np.float32)}
