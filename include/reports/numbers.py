"""Numbers as people read them, the same in reports, forms and logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DIGITS, MOST = 4, 7
LARGE = 1e4


def short(value: float) -> str:
    """Return a number with four digits; with up to seven where it would read as a small whole number that it is not.

    An accuracy of 0.99996 that misses a gate of 1 must not read "1, wanted at least 1".
    """
    if abs(value) >= LARGE:
        return f"{value:,.0f}"
    said = f"{value:,.{DIGITS}g}"
    for digits in range(DIGITS + 1, MOST + 1):
        if abs(value) >= 10 or not said.lstrip("-").isdigit() or float(said) == value:
            break
        said = f"{value:.{digits}g}"
    return said


def named(values: Mapping[str, Any]) -> str:
    """Return hyperparameters or figures in a line, each with its name."""
    return ", ".join(f"{name} {short(value) if isinstance(value, float) else value}" for name, value in values.items())
