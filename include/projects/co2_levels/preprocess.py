"""Windows as a model wants them. Runs in training and inside the model server: numpy alone, 1.26 or newer."""

from __future__ import annotations

import numpy as np


def preprocess(windows: np.ndarray) -> np.ndarray:
    """Return windows relative to their last week, with the season as a point on a circle, and that week's level.

    The level rises from year to year: what a model learns must not hang on it. It stands apart, for an answer that is
    the level and a change.

    Args:
        windows: (n, 12, 2): ppm, and the part of the year that has passed (0..1).

    Returns:
        float32 (n, 12, 4): ppm above the last week, sine and cosine of the season, and ppm of the last week.

    Raises:
        ValueError: another shape, or values that are not finite.
    """
    values = np.asarray(windows, dtype=np.float64)
    if values.ndim != 3 or values.shape[1:] != (12, 2):
        raise ValueError(f"windows have the shape {values.shape}; wanted (n, 12, 2)")
    if not np.isfinite(values).all():
        raise ValueError("windows hold values that are not finite")
    level, angle = values[:, :, 0], 2 * np.pi * values[:, :, 1]
    last = np.repeat(level[:, -1:], level.shape[1], axis=1)
    return np.stack([level - last, np.sin(angle), np.cos(angle), last], axis=-1).astype(np.float32)
