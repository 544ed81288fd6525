"""Times and texts from outside, made safe to keep."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

MAX_NAME = 200


def moment_of(value: Any) -> datetime:
    """Return a time in UTC from a datetime or ISO 8601 text; one without zone counts as UTC.

    Raises:
        ValueError: it is neither.
    """
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as cause:
        raise ValueError(str(cause)) from cause


def text(value: Any) -> str:
    """Return something from outside as short text that JSON and UTF-8 can hold."""
    return str(value)[:MAX_NAME].encode("utf-8", "backslashreplace").decode()
