"""Windows of time series varied: values (time, series, 1), as `include.training.augmentation_pictures.plane` gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def step(use: str, asked: Any) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Return one of `include.projects.augmentation.SERIES` as a function of a window and a generator."""

    def made(value: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        found = value.copy()
        chosen = range(value.shape[1]) if asked.series is None else asked.series
        found[:, chosen] = _WAYS[use](value[:, chosen], draw, asked)
        return found

    return made


def _jitter(value: np.ndarray, draw: np.random.Generator, asked: Any) -> np.ndarray:
    return value + draw.normal(0, 1, value.shape) * asked.deviation * value.std(axis=0, keepdims=True)


def _scale(value: np.ndarray, draw: np.random.Generator, asked: Any) -> np.ndarray:
    mean = value.mean(axis=0, keepdims=True)
    return mean + (value - mean) * draw.normal(1, asked.deviation)


def _time_warp(value: np.ndarray, draw: np.random.Generator, asked: Any) -> np.ndarray:
    import numpy as np

    speed = 1 + draw.uniform(-asked.strength, asked.strength, asked.knots + 1)
    passed = np.concatenate([[0.0], np.cumsum(speed)])
    last = len(value) - 1
    at = np.interp(np.linspace(0, 1, len(value)), np.linspace(0, 1, len(passed)), passed / passed[-1]) * last
    found = np.empty_like(value)
    for one in range(value.shape[1]):
        found[:, one, 0] = np.interp(at, np.arange(len(value)), value[:, one, 0])
    return found


_WAYS: dict[str, Callable[[np.ndarray, np.random.Generator, Any], np.ndarray]] = {
    "jitter": _jitter,
    "scale": _scale,
    "time_warp": _time_warp,
}
