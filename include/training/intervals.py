"""How sure a figure is: 95 % intervals of shares and of anything that a function of rows gives."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from include.training.metrics import Function

RESAMPLES, LEAST = 200, 40
VALUES = 40_000_000  # numbers that all resamples of a metric may read; large parts get fewer resamples, and need fewer
SECONDS = 20.0  # a function of a project that takes longer gets no interval


def wilson(right: int, rows: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval (Wilson) of a share of ``right`` in ``rows``; 0 to 1 where there is no row."""
    if rows == 0:
        return 0.0, 1.0
    share, spread = right / rows, z * z / rows
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / rows + spread / (4 * rows)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(
    function: Function, labels: np.ndarray, outputs: np.ndarray, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """Return the 95 % interval of a metric by drawing rows again and again, the same for the same seed.

    Args:
        function: the metric, of labels and outputs.
        labels: (n,).
        outputs: (n, ...).
        seed: of the drawing.
        resamples: how often, at most.

    Returns:
        Its ends; None where there are fewer than two rows, most draws say nothing, or it takes too long.
    """
    import numpy as np

    if len(labels) < 2:
        return None
    count = max(LEAST, min(resamples, VALUES // max(outputs.size, 1)))
    draw, begun = np.random.default_rng(seed), time.monotonic()
    values = []
    for _ in range(count):
        rows = draw.integers(0, len(labels), len(labels))
        values.append(function(labels[rows], outputs[rows]))
        if time.monotonic() - begun > SECONDS:
            return None
    said = np.array([value for value in values if math.isfinite(value)])
    if len(said) < count / 2:
        return None
    low, high = np.quantile(said, [0.025, 0.975])
    return float(low), float(high)
