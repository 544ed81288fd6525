from __future__ import annotations

import time

import pytest

from include.release.latency import measure, percentile


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [([1.0], 0.99, 1.0), ([2.0, 1.0], 0.5, 1.0), ([*map(float, range(1, 101))], 0.99, 99.0), ([3.0, 1.0, 2.0], 0.5, 2.0)],
)
def test_percentile(values: list[float], share: float, wanted: float) -> None:
    assert percentile(values, share) == wanted


def test_measure_counts_only_what_comes_after_the_warm_up() -> None:
    calls: list[float] = []

    def call() -> None:
        calls.append(time.perf_counter())
        time.sleep(0.02 if len(calls) <= 3 else 0.001)

    found = measure({"one": call}, repeats=30, warm_up=3)["one"]
    assert len(calls) == 33 and found["calls"] == 30 and 1 <= found["p50_ms"] < 10


def test_what_is_compared_is_called_in_turns() -> None:
    made: list[str] = []
    found = measure({"a": lambda: made.append("a"), "b": lambda: made.append("b")}, repeats=3, warm_up=0)
    assert made == ["a", "b"] * 3 and {name: took["calls"] for name, took in found.items()} == {"a": 3, "b": 3}


def test_measure_keeps_to_its_time() -> None:
    start = time.perf_counter()
    assert measure({"one": lambda: time.sleep(0.02)}, repeats=1000, warm_up=0, budget_s=0.01)["one"]["calls"] == 5
    assert time.perf_counter() - start < 1
