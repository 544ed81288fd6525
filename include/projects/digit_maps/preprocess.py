"""Images as the model wants them. Runs in training and inside the model server: numpy alone, 1.26 or newer."""

from __future__ import annotations

import numpy as np

WHITE = 16.0  # the scanner's brightest value


def preprocess(images: np.ndarray) -> np.ndarray:
    """Scale images to 0..1 and give them a channel.

    Args:
        images: (n, 8, 8) of any numeric type, values 0..16.

    Returns:
        float32 (n, 1, 8, 8).

    Raises:
        ValueError: another shape, or values that are no numbers.
    """
    images = np.asarray(images)
    if images.ndim != 3 or images.shape[1:] != (8, 8):
        raise ValueError(f"images have the shape {images.shape}; wanted (n, 8, 8)")
    if images.dtype.kind not in "uif":
        raise ValueError(f"images have the type {images.dtype}; wanted numbers")
    return np.ascontiguousarray(images.astype(np.float32) / np.float32(WHITE))[:, np.newaxis]
