"""What drift is looked for in: the measures themselves, and how round nuclei are. numpy alone, 1.26 or newer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from include.projects.breast_masses.source import MEASURES

NAMES = [*MEASURES, "roundness"]


def features(rows: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """Describe rows by their measures and the roundness that follows from them.

    Args:
        rows: a column of numbers for each of the ten measures, such as a DataFrame.

    Returns:
        The names, and float64 (n, 11).

    Raises:
        ValueError: a measure is missing or no number.
    """
    if missing := [name for name in MEASURES if name not in rows]:
        raise ValueError(f"there is no column {', '.join(missing)}")
    values = np.stack([np.asarray(rows[name], dtype=np.float64) for name in MEASURES], axis=-1)
    area, perimeter = values[:, MEASURES.index("area")], values[:, MEASURES.index("perimeter")]
    roundness = 4 * np.pi * area / np.maximum(perimeter, 1e-9) ** 2
    return list(NAMES), np.concatenate([values, roundness[:, np.newaxis]], axis=1)
