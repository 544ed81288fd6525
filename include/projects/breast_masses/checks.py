"""What a model of masses must be able to do, whatever it learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.projects.breast_masses.source import MEASURES

if TYPE_CHECKING:
    import pandas as pd

BENIGN = (11.0, 15.0, 70.0, 370.0, 0.09, 0.06, 0.02, 0.015, 0.17, 0.06)
MALIGNANT = (21.0, 24.0, 140.0, 1400.0, 0.11, 0.18, 0.2, 0.12, 0.2, 0.06)


def another_patient(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows as of other patients of another laboratory."""
    return rows.assign(patient="P-00000000", laboratory="Busan")


def larger(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with nuclei of twice the area and the same form."""
    wider = 2**0.5
    return rows.assign(radius=rows["radius"] * wider, perimeter=rows["perimeter"] * wider, area=rows["area"] * 2)


def clear() -> tuple[pd.DataFrame, list[str]]:
    """Return two masses that leave little doubt, and what they are."""
    import pandas as pd

    table = pd.DataFrame([BENIGN, MALIGNANT], columns=list(MEASURES))
    table.insert(0, "patient", ["P-1", "P-2"])
    table.insert(1, "laboratory", "Seoul")
    table.insert(2, "measured_at", pd.Timestamp("2026-01-05", tz="UTC"))
    return table, ["benign", "malignant"]
