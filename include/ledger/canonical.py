"""One byte form of a JSON value, so that its hash is the same everywhere and for ever."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Return ``value`` as JSON in UTF-8 with sorted keys, no spaces and no escapes that JSON does not need.

    Raises:
        ValueError: a part of it is no JSON: another type, a key that is no text, NaN, infinity or a lone surrogate.
    """
    _check(value, "$")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def digest(value: Any) -> str:
    """Return ``sha256:`` and the hexadecimal hash of the canonical JSON of ``value``.

    Raises:
        ValueError: as `canonical_json`.
    """
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()


def _check(value: Any, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):  # json.dumps would turn 1 and "1" into the same key
                raise ValueError(f"{where}: the key {key!r} is no text; use text as keys")
            _check(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _check(item, f"{where}[{i}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: {value} is no JSON; leave it out or use null")
    elif value is not None and not isinstance(value, str | bool | int | float):
        raise ValueError(f"{where}: {type(value).__name__} is no JSON; use text, numbers, lists and mappings")
