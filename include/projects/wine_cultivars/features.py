"""What drift is looked for in: the thirteen measures. numpy alone, 1.26 or newer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from include.projects.wine_cultivars.source import MEASURES


def features(rows: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """Describe rows by their measures.

    Args:
        rows: a column of numbers for each of the thirteen, such as a DataFrame.

    Returns:
        The names, and float64 (n, 13).

    Raises:
        ValueError: one is missing.
    """
    if missing := [name for name in MEASURES if name not in rows]:
        raise ValueError(f"there is no column {', '.join(missing)}")
    return list(MEASURES), np.stack([np.asarray(rows[name], dtype=np.float64) for name in MEASURES], axis=-1)
