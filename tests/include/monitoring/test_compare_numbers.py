"""Two regression models are compared by the gate's metric, the right way round, with figures that were worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from include.monitoring.compare_numbers import Rows, compare_numbers
from include.monitoring.errors import MonitoringError
from include.training.metrics import Metric, mae, mape, r2, rmse

RMSE = Metric("rmse", "min", "regression", "", rmse)
MAE = Metric("mae", "min", "regression", "", mae)
R2 = Metric("r2", "max", "regression", "", r2)
MAPE = Metric("mape", "min", "regression", "", mape)
PROFIT = Metric("profit", "max", "regression", "", lambda labels, said: 10.0 - float(abs(said - labels).mean()), own=True)


def rows(n: int, current: float, candidate: float, base: float = 100.0) -> Rows:
    """Return true values base, base + 1, ... and two models that miss by so much, up and down in turn."""
    truth = base + np.arange(n, dtype=np.float64)
    sign = np.where(np.arange(n) % 2, 1.0, -1.0)
    return truth, truth + sign * current, truth + sign * candidate


def decided(old: Rows, new: Rows, metric: Metric = RMSE, slices: Metric = RMSE, **limits: Any) -> dict[str, Any]:
    return compare_numbers(old, new, metric, slices, **limits)


def test_a_smaller_error_is_better_and_told_as_a_share_of_the_current_error() -> None:
    result = decided(rows(40, 2.0, 2.0), rows(40, 4.0, 1.0))
    assert result["decision"] == "accept", result["reasons"]
    assert (result["metric"], result["direction"]) == ("rmse", "min")
    assert [result["cells"][name]["rmse"] for name in ("current_old", "candidate_old", "current_new", "candidate_new")] == [
        pytest.approx(2.0),
        pytest.approx(2.0),
        pytest.approx(4.0),
        pytest.approx(1.0),
    ]
    # Each row is missed by as much as every other, so every draw gives the same: (4 - 1) / 4.
    assert result["difference_new"] == {
        "value": pytest.approx(0.75),
        "low": pytest.approx(0.75),
        "high": pytest.approx(0.75),
        "better": 40,
        "worse": 0,
    }
    assert result["difference_old"]["value"] == pytest.approx(0.0)
    assert any("on 40 new rows rmse 4 -> 1, better by +0.750 (95% interval" in reason for reason in result["reasons"])
    assert json.loads(json.dumps(result)) == result


def test_a_greater_error_on_new_rows_is_no_gain() -> None:
    result = decided(rows(40, 2.0, 2.0), rows(40, 1.0, 4.0))
    assert result["decision"] == "reject" and result["difference_new"]["value"] == pytest.approx(-3.0)  # (1 - 4) / 1
    assert "gains less than the 0.000 of the current model's rmse" in result["reasons"][0]


@pytest.mark.parametrize(
    ("candidate", "limit", "decision"),
    [(2.06, 0.02, "reject"), (2.06, 0.05, "accept"), (2.02, 0.02, "accept"), (1.0, 0.0, "accept")],
)
def test_what_may_be_lost_on_old_rows_is_a_share_of_the_error_there(candidate: float, limit: float, decision: str) -> None:
    """Errors of 2.06 and 2.02 where the current ones are 2 are 3 % and 1 % greater."""
    result = decided(rows(40, 2.0, candidate), rows(40, 4.0, 1.0), MAE, MAE, max_loss_on_old=limit)
    assert result["difference_old"]["value"] == pytest.approx((2.0 - candidate) / 2.0)
    assert result["decision"] == decision
    if decision == "reject":
        told = f"loses more than the {limit:.3f} of the current model's mae that it may lose on old data"
        assert any(told in reason for reason in result["reasons"])


def test_what_must_be_gained_is_a_share_too() -> None:
    new = rows(40, 4.0, 3.0)  # a quarter less
    assert decided(rows(40, 2.0, 2.0), new, min_gain_on_new=0.2)["decision"] == "accept"
    assert decided(rows(40, 2.0, 2.0), new, min_gain_on_new=0.3)["decision"] == "reject"


def test_explained_variance_is_better_the_higher_it_is_and_compared_as_it_is() -> None:
    """The squares of 40 steps of 1 around their mean add up to 5330: a miss of 4 each leaves 640 / 5330 of them, of 1 40."""
    result = decided(rows(40, 2.0, 2.0), rows(40, 4.0, 1.0), R2, MAE)
    assert result["cells"]["current_new"]["r2"] == pytest.approx(1 - 640 / 5330)
    assert result["difference_new"]["value"] == pytest.approx(600 / 5330)
    assert result["decision"] == "accept" and result["limits"]["of"] == "r2"
    assert "mae" in next(iter(result["slices"].values()))["current_old"]
    assert decided(rows(40, 2.0, 2.0), rows(40, 1.0, 4.0), R2, MAE)["decision"] == "reject"
    assert not any("current model's" in reason for reason in result["reasons"])


def test_a_metric_of_the_project_that_gets_better_upwards() -> None:
    """10 less the mean miss: 6 and 9 on new rows are a gain of a half."""
    result = decided(rows(40, 2.0, 2.0), rows(40, 4.0, 1.0), PROFIT, MAE)
    assert result["difference_new"]["value"] == pytest.approx(0.5) and result["decision"] == "accept"
    assert decided(rows(40, 2.0, 2.0), rows(40, 1.0, 4.0), PROFIT, MAE)["decision"] == "reject"


def test_a_gain_that_a_few_rows_make_is_not_sure() -> None:
    truth = np.arange(40, dtype=np.float64)
    current, candidate = truth + 1.0, truth + 1.0
    candidate[:2] = truth[:2]  # two rows better, all others alike: some draws have neither
    result = decided(rows(40, 1.0, 1.0), (truth, current, candidate), MAE, MAE)
    assert result["difference_new"]["value"] == pytest.approx(2 / 40)
    assert result["difference_new"]["low"] == 0 and result["decision"] == "reject"
    assert result["difference_new"]["better"] == 2 and result["difference_new"]["worse"] == 0
    assert any("a gain on new data is not sure" in reason for reason in result["reasons"])


def test_giving_up_a_quarter_of_the_true_values_blocks() -> None:
    truth, current, candidate = rows(80, 2.0, 0.5)
    candidate[60:] = truth[60:] + 3.0  # the highest twenty; over all the error still falls from 2 to 1.125
    result = decided((truth, current, candidate), rows(40, 4.0, 1.0), MAE, MAE)
    assert result["cells"]["candidate_old"]["mae"] == pytest.approx(1.125)
    assert result["difference_old"]["value"] > 0 and result["decision"] == "reject"
    assert [r for r in result["reasons"] if "collapses" in r] == [
        "rows of true value 'from 159.2' collapses on old data: 2 -> 3 on 20 rows, intervals do not touch"
    ]
    assert [cell["current_old"]["n"] for cell in result["slices"].values()] == [20, 20, 20, 20]


def test_few_rows_are_not_judged() -> None:
    result = decided(rows(29, 2.0, 2.0), rows(40, 4.0, 1.0))
    assert result["decision"] == "reject" and "only 29 old test rows" in result["reasons"][0]


def test_a_model_without_error_is_told_as_well() -> None:
    result = decided(rows(40, 0.0, 1.0), rows(40, 0.0, 0.0))
    assert result["difference_old"]["value"] == -1 and result["difference_new"]["value"] == 0
    assert result["decision"] == "reject"


def test_the_same_seed_gives_the_same_intervals() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=50)
    some = (truth, truth + rng.normal(size=50), truth + rng.normal(size=50))
    assert decided(some, some, seed=4) == decided(some, some, seed=4)
    assert decided(some, some, seed=4) != decided(some, some, seed=5)


def test_what_does_not_fit_is_told() -> None:
    good = rows(40, 1.0, 1.0)
    with pytest.raises(MonitoringError, match="the candidate model gives \\(40, 2\\) for 40 new rows: a regression gives one"):
        decided(good, (good[0], good[1], np.zeros((40, 2))))
    with pytest.raises(MonitoringError, match="the current model gives numbers that are not finite for old rows"):
        decided((good[0], np.full(40, np.nan), good[2]), good)
    with pytest.raises(MonitoringError, match="the split has no such test rows"):
        decided((np.empty(0), np.empty(0), np.empty(0)), good)
    with pytest.raises(MonitoringError, match="mape says nothing about the 40 old test rows: name another metric"):
        decided(rows(40, 1.0, 1.0, base=0.0), good, MAPE, MAPE)
    with pytest.raises(MonitoringError, match=r"retraining\.confidence"):
        decided(good, good, confidence=1.0)
