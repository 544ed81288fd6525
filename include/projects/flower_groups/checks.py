"""What clusters of flowers must do, whatever they were found in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def ruler(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows as of a ruler that shows half a millimetre more."""
    return rows + 0.05
