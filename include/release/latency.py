"""Measures how long calls take, one beside the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


def percentile(values: list[float], share: float) -> float:
    """Return the smallest of ``values`` that at least ``share`` (0..1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def measure(
    calls: Mapping[str, Callable[[], object]], repeats: int = 200, warm_up: int = 20, budget_s: float = 6.0
) -> dict[str, dict[str, float]]:
    """Make calls in turns, again and again, and return the times.

    In turns, because they are compared: work that slows this machine down for a while slows all of them down.

    Args:
        calls: what to time, by name.
        repeats: timed calls of each at most.
        warm_up: calls of each before the first timed one.
        budget_s: seconds after which no further turn is started; at least five are.

    Returns:
        For each name ``p50_ms``, ``p99_ms`` and ``calls``.
    """
    for call in calls.values():
        for _ in range(warm_up):
            call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    end, turns = time.perf_counter() + budget_s, 0
    while turns < repeats and (turns < 5 or time.perf_counter() < end):
        turns += 1
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: _summary(took) for name, took in times.items()}


def _summary(took: list[float]) -> dict[str, float]:
    return {"p50_ms": round(percentile(took, 0.5), 4), "p99_ms": round(percentile(took, 0.99), 4), "calls": len(took)}
