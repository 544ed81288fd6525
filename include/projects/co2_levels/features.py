"""What drift is looked for in: level, slope and spread of a window. numpy alone, 1.26 or newer."""

from __future__ import annotations

import numpy as np

NAMES = ["mean_ppm", "last_ppm", "slope_ppm_a_week", "spread_ppm", "season"]


def features(windows: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Describe windows by a few numbers.

    Args:
        windows: (n, 12, 2): ppm, and the part of the year that has passed (0..1).

    Returns:
        The names, and float64 (n, len(names)); the slope is that of the straight line through the twelve weeks, the
        spread what lies around it (standard deviation).

    Raises:
        ValueError: another shape.
    """
    values = np.asarray(windows, dtype=np.float64)
    if values.ndim != 3 or values.shape[1:] != (12, 2):
        raise ValueError(f"windows have the shape {values.shape}; wanted (n, 12, 2)")
    level, week = values[:, :, 0], np.arange(12) - 5.5
    mean = level.mean(axis=1)
    slope = level @ week / (week @ week)
    around = level - mean[:, np.newaxis] - slope[:, np.newaxis] * week
    return list(NAMES), np.stack([mean, level[:, -1], slope, around.std(axis=1), values[:, -1, 1]], axis=1)
