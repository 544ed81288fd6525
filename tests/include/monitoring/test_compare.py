"""The comparison's numbers are right and its rule decides as it says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.monitoring.compare import compare, paired_interval, wilson
from include.monitoring.errors import MonitoringError
from include.projects.release import MIN_TEST_ROWS

CLASSES = ["가", "b", "c", "d"]


def rows(n: int, current_wrong: int, candidate_wrong: int, both_wrong: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels and both models' predictions; wrong rows are spread over the classes."""
    labels = np.arange(n) % 4
    current, candidate = labels.copy(), labels.copy()
    current[: both_wrong + current_wrong] = (current[: both_wrong + current_wrong] + 1) % 4
    for part in (slice(0, both_wrong), slice(both_wrong + current_wrong, both_wrong + current_wrong + candidate_wrong)):
        candidate[part] = (candidate[part] + 1) % 4
    return labels, current, candidate


def decided(old: tuple[Any, ...], new: tuple[Any, ...], **limits: Any) -> dict[str, Any]:
    return compare(*old, *new, classes=CLASSES, **limits)


GOOD_NEW = rows(100, 60, 1)


def test_a_better_model_is_accepted_with_all_numbers() -> None:
    result = decided(rows(360, 5, 4), GOOD_NEW)
    assert result["decision"] == "accept"
    assert result["cells"]["current_old"] == {
        "accuracy": 355 / 360,
        "low": pytest.approx(0.968, abs=1e-3),
        "high": pytest.approx(0.994, abs=1e-3),
        "n": 360,
    }
    assert result["cells"]["candidate_new"]["accuracy"] == 0.99
    assert result["difference_new"] | {"low": 0, "high": 0} == {"value": 0.59, "better": 60, "worse": 1, "low": 0, "high": 0}
    assert result["difference_new"]["low"] < 0.59 < result["difference_new"]["high"]
    assert result["slices"]["가"]["current_old"]["n"] == 90 and list(result["slices"]) == CLASSES
    assert any("on 100 new rows accuracy 0.400 -> 0.990, difference +0.590 (95% interval" in r for r in result["reasons"])
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize(
    ("old", "new", "decision", "reason"),
    [
        (rows(360, 0, 15), GOOD_NEW, "reject", "loses more than the 0.020"),
        (rows(2000, 0, 36), GOOD_NEW, "reject", "surely loses on old data"),
        (rows(2000, 0, 16), GOOD_NEW, "accept", "within the 0.020 that it may lose"),
        (rows(360, 3, 7), GOOD_NEW, "accept", "cannot exclude a loss beyond 0.020"),
        (rows(360, 4, 4), rows(100, 5, 5), "reject", "a gain on new data is not sure"),
        (rows(360, 4, 4), rows(100, 3, 20), "reject", "gains less than"),
        (rows(360, 4, 4), rows(100, 0, 0), "reject", "a gain on new data is not sure"),
        (rows(MIN_TEST_ROWS - 1, 0, 0), GOOD_NEW, "reject", f"only {MIN_TEST_ROWS - 1} old test rows"),
        (rows(360, 0, 0), rows(10, 9, 0), "reject", "only 10 new test rows"),
    ],
)
def test_the_rule(old: Any, new: Any, decision: str, reason: str) -> None:
    result = decided(old, new)
    assert result["decision"] == decision, result["reasons"]
    assert any(reason in r for r in result["reasons"]), result["reasons"]


def test_limits_move_the_decision() -> None:
    old = rows(360, 0, 15)
    assert decided(old, GOOD_NEW, max_loss_on_old=0.1)["decision"] == "accept"
    assert decided(rows(360, 2, 2), GOOD_NEW, min_gain_on_new=0.7)["decision"] == "reject"


def test_a_collapsed_class_blocks_though_the_mean_does_not_show_it() -> None:
    labels = np.repeat([0, 1, 2, 3], [3000, 3000, 3000, 40])
    current, candidate = labels.copy(), labels.copy()
    current[:60] = 1
    candidate[labels == 3] = 0
    result = decided((labels, current, candidate), GOOD_NEW)
    assert result["difference_old"]["value"] > 0
    assert result["decision"] == "reject"
    assert "class 'd' collapses on old data: 1.000 -> 0.000 on 40 rows" in result["reasons"][0]


def test_the_same_seed_gives_the_same_answer() -> None:
    first = decided(rows(360, 5, 9), GOOD_NEW, seed=3)
    assert first == decided(rows(360, 5, 9), GOOD_NEW, seed=3)


def test_the_bootstrap_agrees_with_drawing_rows() -> None:
    rng = np.random.default_rng(0)
    difference = rng.choice([-1, 0, 1], 300, p=[0.05, 0.85, 0.1])
    means = np.array([difference[rng.integers(300, size=300)].mean() for _ in range(4000)])
    assert paired_interval(difference, 0.95, seed=1) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.008)


def test_the_interval_covers_what_it_says() -> None:
    rng, hits = np.random.default_rng(1), 0
    for i in range(300):
        low, high = paired_interval(rng.choice([-1, 0, 1], 360, p=[0.04, 0.9, 0.06]), 0.95, seed=i)
        hits += low <= 0.02 <= high
    assert 0.91 <= hits / 300 <= 0.99


def test_equal_models_pass_and_losers_fail_at_the_size_of_a_test_part() -> None:
    rng = np.random.default_rng(2)

    def rejected(worse: float, better: float) -> float:
        count = 0
        for i in range(200):
            kind = rng.choice([-1, 0, 1], 360, p=[worse, 1 - worse - better, better])
            labels = np.arange(360) % 4
            old = (labels, np.where(kind == 1, labels - 1, labels), np.where(kind == -1, labels - 1, labels))
            count += decided(old, GOOD_NEW, seed=i)["decision"] == "reject"
        return count / 200

    assert rejected(0.015, 0.015) < 0.08
    assert rejected(0.05, 0.01) > 0.9


@given(st.integers(0, 500), st.integers(0, 500))
@settings(max_examples=50)
def test_wilson_holds_the_share(a: int, b: int) -> None:
    n, right = max(a, b), min(a, b)
    low, high = wilson(right, n, 0.95)
    assert 0 <= low <= (right / n if n else 0.5) + 1e-12 and (right / n if n else 0.5) - 1e-12 <= high <= 1


def test_wilson_known_value() -> None:
    assert wilson(8, 10, 0.95) == pytest.approx((0.4901, 0.9433), abs=1e-3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels_old": np.array([], int)}, "labels_old must be a list with at least one row"),
        ({"labels_new": np.array([7, 0])}, "class indices from 0 to 3"),
        ({"labels_new": np.array([-1, 0])}, "class indices from 0 to 3"),
        ({"labels_new": np.array([0.5, 0])}, "class indices from 0 to 3"),
        ({"cand_old": np.array([0])}, r"candidate model's predictions on old data are \(1,\)"),
        ({"cur_new": np.zeros((2, 2))}, "current model's predictions on new data"),
        ({"confidence": 95}, "confidence must lie between 0.5 and 1, not 95"),
    ],
)
def test_bad_input_is_told(change: dict[str, Any], told: str) -> None:
    two = np.array([0, 1])
    names = ("labels_old", "cur_old", "cand_old", "labels_new", "cur_new", "cand_new")
    with pytest.raises(MonitoringError, match=told):
        compare(**({name: two for name in names} | {"classes": CLASSES} | change))
