"""What a reduction of images must do, whatever it learnt from."""

from __future__ import annotations

import numpy as np


def dusty(images: np.ndarray) -> np.ndarray:
    """Return the images with one pixel at the edge a little lighter.

    Args:
        images: uint8 (n, 8, 8), values 0..16.
    """
    changed = np.array(images)
    changed[:, 0, 0] = np.minimum(changed[:, 0, 0] + 1, 16)
    return changed
