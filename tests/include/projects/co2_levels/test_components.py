"""preprocess and features of the time series project."""

from __future__ import annotations

import numpy as np
import pytest

from include.projects.co2_levels.features import NAMES, features
from include.projects.co2_levels.preprocess import preprocess

WEEKS = np.arange(12)
WINDOWS = np.stack([np.stack([330.0 + n + 0.5 * WEEKS, (WEEKS / 52 + n / 4) % 1], axis=-1) for n in range(3)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_preprocess_puts_the_level_apart(dtype: str) -> None:
    out = preprocess(WINDOWS.astype(dtype))
    assert out.shape == (3, 12, 4) and out.dtype == np.float32
    assert np.allclose(out[:, :, 0], 0.5 * (WEEKS - 11), atol=1e-3)
    assert np.allclose(out[:, :, 1] ** 2 + out[:, :, 2] ** 2, 1, atol=1e-5)
    higher = WINDOWS + np.array([100.0, 0.0])
    assert np.allclose(preprocess(higher)[:, :, :3], preprocess(WINDOWS)[:, :, :3], atol=1e-4)
    assert np.allclose(out[:, :, 3], WINDOWS[:, -1:, 0])
    assert preprocess(WINDOWS[:0]).shape == (0, 12, 4)


def test_features_know_the_line() -> None:
    names, out = features(WINDOWS)
    assert names == NAMES and out.shape == (3, 5)
    assert np.allclose(out[:, 0], 330 + np.arange(3) + 2.75) and np.allclose(out[:, 2], 0.5) and np.allclose(out[:, 3], 0)
    assert features(WINDOWS[:0])[1].shape == (0, 5)


@pytest.mark.parametrize("bad", [np.zeros((12, 2)), np.zeros((1, 11, 2)), np.zeros((1, 12, 1))])
def test_another_shape_is_refused(bad: np.ndarray) -> None:
    for component in (preprocess, features):
        with pytest.raises(ValueError, match="wanted"):
            component(bad)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    windows = WINDOWS.copy()
    windows[1, 3, 0] = bad
    with pytest.raises(ValueError, match="not finite"):
        preprocess(windows)
