"""Feature views: what is computed of the measures, the same offline and online."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def cell_shape(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how irregular nuclei are, a row a measured mass.

    Args:
        rows: the columns patient, measured_at, radius, perimeter, area, concave_points and symmetry.

    Returns:
        patient, measured_at, radius, roundness (1 for a circle, less for all else) and concave_share.
    """
    found = rows[["patient", "measured_at", "radius"]].copy()
    found["roundness"] = 4 * pi * rows["area"] / rows["perimeter"] ** 2
    found["concave_share"] = rows["concave_points"] / rows["symmetry"]
    return found
