"""A scanner that went wrong: the demo's drifted traffic."""

from __future__ import annotations

import numpy as np


def drifted(images: np.ndarray, seed: int) -> np.ndarray:
    """Return the images as a scanner gives them that lies on its side, inverts and adds noise.

    Args:
        images: (n, 8, 8), values 0..16.
        seed: of the noise; the same seed gives the same images.

    Returns:
        uint8 (n, 8, 8), values 0..16: rotated by a quarter turn, light and dark exchanged, with noise.

    Raises:
        ValueError: another shape.
    """
    values = np.asarray(images, dtype=np.float64)
    if values.ndim != 3 or values.shape[1:] != (8, 8):
        raise ValueError(f"images have the shape {values.shape}; wanted (n, 8, 8)")
    turned = 16.0 - np.rot90(values, axes=(1, 2))
    noise = np.random.default_rng(seed).normal(0.0, 1.5, size=turned.shape)
    return np.clip(np.rint(turned + noise), 0, 16).astype(np.uint8)
