"""The model's outputs as answers. Runs in training and inside the model server: numpy alone, 1.26 or newer."""

from __future__ import annotations

import numpy as np


def postprocess(outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return what images are reduced to.

    Args:
        outputs: (n, dimensions), one row an image.

    Returns:
        ``VECTOR`` float32 (n, dimensions).

    Raises:
        ValueError: another shape, or values that are not finite: no answer is better than a wrong one.
    """
    outputs = np.asarray(outputs, dtype=np.float64)
    if outputs.ndim != 2 or outputs.shape[1] < 1:
        raise ValueError(f"outputs have the shape {outputs.shape}; wanted (n, dimensions)")
    if not np.isfinite(outputs).all():
        raise ValueError("outputs are not finite: the model is broken or its input was not checked")
    return {"VECTOR": outputs.astype(np.float32)}
