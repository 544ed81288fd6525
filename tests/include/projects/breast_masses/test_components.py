"""preprocess, features and the feature view of the tabular project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from include.data.features.transform import apply
from include.projects import load_project
from include.projects.breast_masses.features import NAMES, features
from include.projects.breast_masses.preprocess import preprocess
from include.projects.breast_masses.source import MEASURES, mass_rows

if TYPE_CHECKING:
    import pandas as pd


def frame(count: int = 20) -> pd.DataFrame:
    import pandas as pd

    found = pd.DataFrame(mass_rows(count))
    found["measured_at"] = pd.to_datetime(found["measured_at"], utc=True)
    return found


def test_preprocess() -> None:
    out = preprocess(frame())
    assert out.shape == (20, 10) and out.dtype == np.float32 and 0 < out.mean() < 3
    assert np.array_equal(out, preprocess({name: frame()[name].to_numpy() for name in MEASURES}))


def test_features() -> None:
    names, out = features(frame())
    assert names == NAMES and out.shape == (20, 11) and (out[:, -1] <= 1).all() and (out[:, -1] > 0.5).all()
    assert np.array_equal(out[:, 0], frame()["radius"])


def test_what_is_missing_is_told() -> None:
    for component in (preprocess, features):
        with pytest.raises(ValueError, match="no column area, symmetry"):
            component(frame().drop(columns=["symmetry", "area"]))
        with pytest.raises(ValueError, match="could not convert"):
            component({**{name: [1.0] for name in MEASURES}, "area": ["넓다"]})
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite"):
            preprocess(frame().assign(area=bad))


def test_the_view_gives_what_it_declares() -> None:
    project = load_project("breast_masses")
    columns = project.feature_views["cell_shape"].source.columns
    given = frame()
    found = apply(project, "cell_shape", given[columns])
    assert list(found.columns) == ["patient", "measured_at", "radius", "roundness", "concave_share"] and len(found) == 20
    assert found["roundness"].between(0.5, 1).all() and found["concave_share"].notna().all()
    assert list(given.columns) == list(frame().columns)
