"""Near-duplicates: pairs of nearly equal items, found without comparing each item with each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.data.quality.lots import Reader

if TYPE_CHECKING:
    import numpy as np

WINDOW = 12  # neighbours in a band that an item is compared with: bounds the time where thousands share one


def pairs(reader: Reader, signatures: np.ndarray, similarity: float) -> np.ndarray:
    """Return pairs of nearly equal items.

    Items that share a band are compared with the next ones there, so of a crowd of equals each is paired with
    some, not with all. Time grows with n log n, memory with n.

    Args:
        reader: knows the bands of its signatures, and which of them are close.
        signatures: (n, ...), of items whose contents all differ.
        similarity: above 0.5 and below 1.

    Returns:
        int64 (m, 2), places of two items, the lower one first; in order, none twice.
    """
    import numpy as np

    count = len(signatures)
    if count < 2:
        return np.empty((0, 2), np.int64)
    bands = reader.bands(signatures, similarity)
    codes: list[np.ndarray] = []
    for band in bands.T:
        order = np.argsort(band, kind="stable")
        value = band[order]
        for step in range(1, min(WINDOW, count - 1) + 1):
            same = np.flatnonzero(value[step:] == value[:-step])
            if not len(same):
                break
            first, second = order[same], order[same + step]
            low, high = np.minimum(first, second), np.maximum(first, second)
            near = reader.close(signatures[low], signatures[high], similarity)
            codes.append(low[near] * count + high[near])
    found = np.unique(np.concatenate(codes)) if codes else np.empty(0, np.int64)
    return np.stack([found // count, found % count], axis=1).astype(np.int64)
