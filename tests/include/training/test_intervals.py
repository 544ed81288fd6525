import math

import numpy as np
import pytest

from include.training import intervals
from include.training.intervals import bootstrap, wilson
from include.training.metrics import mae


def test_wilson_is_the_known_interval():
    assert wilson(8, 10) == pytest.approx((0.490, 0.943), abs=1e-3)
    assert wilson(10, 10)[1] == 1.0 and wilson(0, 10)[0] == 0.0 and wilson(0, 0) == (0.0, 1.0)


def test_the_bootstrap_covers_what_it_should():
    covered = 0
    for seed in range(100):
        errors = np.random.default_rng(seed).exponential(2.0, 150)
        low, high = bootstrap(mae, np.zeros(150), errors, seed)
        covered += low < 2.0 < high
    assert 87 <= covered <= 99
    assert bootstrap(mae, np.zeros(150), errors, 1) == bootstrap(mae, np.zeros(150), errors, 1)


def test_no_interval_is_made_up(monkeypatch):
    assert bootstrap(mae, np.zeros(1), np.ones(1)) is None
    assert bootstrap(lambda labels, outputs: math.nan, np.zeros(9), np.ones(9)) is None
    monkeypatch.setattr(intervals, "SECONDS", 0.0)
    assert bootstrap(mae, np.zeros(9), np.ones(9)) is None
