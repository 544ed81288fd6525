"""Sizes of memory as people write them."""

from __future__ import annotations

import re

MEMORY = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s?(|K|M|G|T|Ki|Mi|Gi|Ti)B?", re.ASCII)
SMALLEST, LARGEST = 64 * 2**20, 64 * 2**40


def in_bytes(text: str) -> int:
    """Return the bytes of a size such as ``512Mi``, ``4GB`` or ``1000000``.

    Raises:
        ValueError: it is no size.
    """
    found = MEMORY.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:60]!r} is no size: write a number and Ki, Mi, Gi or Ti, such as 512Mi or 4Gi")
    number, unit = float(found[1]), found[2]
    power = "KMGT".index(unit[0]) + 1 if unit else 0
    return int(number * (1024 if unit.endswith("i") else 1000) ** power)


def checked(text: str) -> str:
    """Return a size as it is given, where a job can have so much memory.

    Raises:
        ValueError: it is no size, less than any job takes, or more than any machine has.
    """
    size = in_bytes(text)
    if size < SMALLEST:
        raise ValueError(f"{text} is too little for a Python process: give at least 64Mi")
    if size > LARGEST:
        raise ValueError(f"{text} is more than a machine has: give at most 64Ti")
    return text
