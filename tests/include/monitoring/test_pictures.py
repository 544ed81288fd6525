"""Pictures are PNG, whatever is missing in the numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from include.monitoring.pictures import picture, plot_scores


def test_the_picture_is_drawn_for_empty_classes_too() -> None:
    cell, none = {"accuracy": 0.9, "low": 0.8, "high": 0.95, "n": 50}, {"accuracy": None, "low": 0.0, "high": 1.0, "n": 0}
    names = ("current_old", "current_new", "candidate_old", "candidate_new")
    result = {
        "cells": {n: cell for n in names},
        "slices": {"a": {n: cell for n in names}, "b": {n: none for n in names}},
        "decision": "accept",
        "limits": {"confidence": 0.95},
        "current_version": "1",
        "candidate_version": "2",
    }
    assert picture(result).startswith(b"\x89PNG")


def test_errors_are_drawn_by_their_own_name() -> None:
    cell, none = {"rmse": 3.2, "low": 3.0, "high": 3.5, "n": 50}, {"mae": None, "low": 0.0, "high": 0.0, "n": 0}
    names = ("current_old", "current_new", "candidate_old", "candidate_new")
    result = {
        "metric": "rmse",
        "slice_metric": "mae",
        "direction": "min",
        "cells": {n: cell for n in names},
        "slices": {"below 20": {n: {**none, "mae": 2.0, "n": 12} for n in names}, "from 20": {n: none for n in names}},
        "decision": "reject",
        "limits": {"confidence": 0.95},
        "current_version": "1",
        "candidate_version": "2",
    }
    assert picture(result).startswith(b"\x89PNG")


def test_scores_are_drawn() -> None:
    windows: Any = [SimpleNamespace(number=n, score=s) for n, s in ((1, 0.0), (2, 0.4))]
    assert plot_scores(windows, 0.2, [2]).startswith(b"\x89PNG") and plot_scores([], 0.2).startswith(b"\x89PNG")
