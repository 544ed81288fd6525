"""Values: contents as preprocessing takes them, and preprocessed inputs as models take them.

Training and the model server both come through here. This module is copied into a release's package: numpy alone, 1.26
or newer, and nothing of the product.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

NUMBERS = ("number", "integer", "boolean")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MISSING = np.iinfo(np.int64).min  # of a moment, as numpy has it


def read(contents: Sequence[bytes], form: Mapping[str, Any]) -> Any:
    """Return contents, as rounds and requests hold them, as preprocessing takes them.

    Args:
        contents: one an item: UTF-8 of a text, JSON of a row, the bytes of a file.
        form: ``data.content`` of the project as plain values: ``kind``, and ``columns`` with the ``type`` of each.

    Returns:
        Columns by name of `of_rows` for a table, an object array (n,) of str for texts, of bytes for files.
    """
    if form["kind"] == "table":
        types = {name: column["type"] for name, column in form["columns"].items()}
        return of_rows([json.loads(content) for content in contents], types)
    found = np.empty(len(contents), dtype=object)
    found[:] = [content.decode() for content in contents] if form["kind"] == "text" else list(contents)
    return found


def of_rows(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return rows as columns.

    Args:
        rows: plain values by column, None where one is missing, times as ISO 8601 text.
        types: the type of each column that is wanted.

    Returns:
        Numbers, integers and booleans as float64 with NaN where one is missing, texts and categories as objects with
        None, times as `seconds`.
    """
    return {name: _column([row.get(name) for row in rows], kind) for name, kind in types.items()}


def seconds(microseconds: np.ndarray) -> np.ndarray:
    """Return moments, int64 microseconds since 1970 with NaT's number where one is missing, as float64 seconds with NaN."""
    return np.where(microseconds == MISSING, np.nan, microseconds / 1_000_000)


def inputs(made: Any, rows: int) -> np.ndarray:
    """Return what preprocessing made as models take it.

    Args:
        made: what the project's preprocess component, or its fitted transforms, gave for values of `read`, or for an array
            (n, *shape) of the content's own type.
        rows: n.

    Returns:
        float32 (n, ...), C order.

    Raises:
        ValueError: rows were lost, or values are not finite.
    """
    found = np.ascontiguousarray(made, dtype=np.float32)
    if len(found) != rows:
        raise ValueError(f"preprocessing made {len(found)} rows out of {rows}")
    if not np.isfinite(found).all():
        finite = np.isfinite(found.reshape(rows, -1)).all(axis=1)
        raise ValueError(f"preprocessing made values that are not finite, first of row {int(finite.argmin())}")
    return found


def _column(values: list[Any], kind: str) -> np.ndarray:
    if kind in NUMBERS:
        return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    if kind == "time":
        return seconds(np.array([MISSING if value is None else _moment(value) for value in values], dtype=np.int64))
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND
