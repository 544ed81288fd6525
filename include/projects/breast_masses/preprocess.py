"""Measures as a model wants them. Runs in training and inside the model server: numpy alone, 1.26 or newer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from include.projects.breast_masses.source import MEASURES

SCALES = (14.0, 19.0, 92.0, 650.0, 0.1, 0.1, 0.1, 0.05, 0.18, 0.06)  # a common value of each measure, fixed once


def preprocess(rows: Mapping[str, Any]) -> np.ndarray:
    """Return the measures of each row on one scale; who, where and when are no input of a model.

    Args:
        rows: a column of numbers for each of the ten measures, such as a DataFrame.

    Returns:
        float32 (n, 10), about 1 where a measure is common.

    Raises:
        ValueError: a measure is missing, no number, or not finite.
    """
    if missing := [name for name in MEASURES if name not in rows]:
        raise ValueError(f"there is no column {', '.join(missing)}")
    values = np.stack([np.asarray(rows[name], dtype=np.float64) for name in MEASURES], axis=-1)
    if not np.isfinite(values).all():
        raise ValueError("measures must be finite: fill or leave out what is missing first")
    return (values / np.array(SCALES)).astype(np.float32)
