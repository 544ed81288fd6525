"""Measures how long one call takes."""

from __future__ import annotations

import time
from collections.abc import Callable


def percentile(values: list[float], share: float) -> float:
    """Return the smallest of ``values`` that at least ``share`` (0..1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def measure(call: Callable[[], object], repeats: int = 200, warm_up: int = 20, budget_s: float = 2.0) -> dict[str, float]:
    """Call repeatedly and return the times.

    Args:
        call: what to time.
        repeats: timed calls at most.
        warm_up: calls before the first timed one.
        budget_s: seconds after which no further call is started; at least five are.

    Returns:
        ``p50_ms``, ``p99_ms`` and ``calls``.
    """
    for _ in range(warm_up):
        call()
    times: list[float] = []
    end = time.perf_counter() + budget_s
    while len(times) < repeats and (len(times) < 5 or time.perf_counter() < end):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return {"p50_ms": round(percentile(times, 0.5), 4), "p99_ms": round(percentile(times, 0.99), 4), "calls": len(times)}
