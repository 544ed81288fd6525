"""What an answer of a model costs on this machine: time and memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from include.training.learners import Fitted

if TYPE_CHECKING:
    import numpy as np

WARM, TIMED, SECONDS = 10, 200, 5.0
LOOK_S = 0.002


def latency(fitted: Fitted, inputs: np.ndarray, timed: int = TIMED) -> float:
    """Return the 99th percentile of the time of one answer to one preprocessed item, in milliseconds.

    Args:
        fitted: the model.
        inputs: preprocessed items, float32 (n, ...).
        timed: answers that are timed, fewer where they take longer than 5 s together.
    """
    import numpy as np

    took: list[float] = []
    begun = time.monotonic()
    for turn in range(WARM + timed):
        row = turn % len(inputs)
        start = time.perf_counter()
        fitted.predict(inputs[row : row + 1])
        if turn >= WARM:
            took.append(1000 * (time.perf_counter() - start))
        if took and time.monotonic() - begun > SECONDS:
            break
    return float(np.quantile(took, 0.99))


def memory(work: Callable[[], Any]) -> float:
    """Return by how much this process grows at most while some work is done, in MB; the work is done once before."""
    import psutil

    work()  # what is loaded and kept at the first time is not what an answer costs
    process = psutil.Process()
    before = most = process.memory_info().rss
    done = threading.Event()

    def look() -> None:
        nonlocal most
        while not done.wait(LOOK_S):
            most = max(most, process.memory_info().rss)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        work()
        most = max(most, process.memory_info().rss)
    finally:
        done.set()
        watcher.join()
    return float((most - before) / 2**20)
