"""What drift is looked for in: a few numbers an image. numpy alone, 1.26 or newer."""

from __future__ import annotations

import numpy as np

BLOCKS = [f"block_{row}_{column}" for row in range(4) for column in range(4)]
NAMES = ["mean", "std", "ink", "edges_down", "edges_across", "symmetry", *BLOCKS]


def features(images: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Describe images by brightness, contrast, ink, edges, symmetry and the means of 4 x 4 blocks.

    Args:
        images: (n, 8, 8) of any numeric type, values 0..16.

    Returns:
        The names, and float64 (n, len(names)).

    Raises:
        ValueError: another shape.
    """
    values = np.asarray(images, dtype=np.float64)
    if values.ndim != 3 or values.shape[1:] != (8, 8):
        raise ValueError(f"images have the shape {values.shape}; wanted (n, 8, 8)")
    n = len(values)
    single = [
        values.mean(axis=(1, 2)),
        values.std(axis=(1, 2)),
        (values > 8).mean(axis=(1, 2)),
        np.abs(np.diff(values, axis=1)).mean(axis=(1, 2)),
        np.abs(np.diff(values, axis=2)).mean(axis=(1, 2)),
        np.abs(values - values[:, :, ::-1]).mean(axis=(1, 2)),
    ]
    blocks = values.reshape(n, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(n, 16)
    return list(NAMES), np.concatenate([np.stack(single, axis=1), blocks], axis=1)
