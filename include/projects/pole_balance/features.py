"""What drift is looked for in: the four numbers of a state. numpy alone, 1.26 or newer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NAMES = ["position", "velocity", "angle", "angular_velocity"]


def features(rows: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """Describe rows by the state that they begin in.

    Args:
        rows: a column of numbers for each of the four, such as a DataFrame.

    Returns:
        The names, and float64 (n, 4).

    Raises:
        ValueError: one is missing.
    """
    if missing := [name for name in NAMES if name not in rows]:
        raise ValueError(f"there is no column {', '.join(missing)}")
    return list(NAMES), np.stack([np.asarray(rows[name], dtype=np.float64) for name in NAMES], axis=-1)
