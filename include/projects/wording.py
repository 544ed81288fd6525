"""Words for a value that is wrong: how it is shown, what may stand in its place, and what was probably meant."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any


def choice(given: Any, allowed: Sequence[str], like: str | None = None) -> str:
    """Return that a value is none of those that are allowed, and which of them it nearly is.

    Args:
        given: the value.
        allowed: what may stand there.
        like: what is compared with those instead of the value.
    """
    return f"must be one of {', '.join(allowed)} (is {shown(given)}).{meant(given if like is None else like, allowed)}"


def meant(given: Any, known: Iterable[str]) -> str:
    """Return the question after the known name that is nearest, a blank in front; nothing where none is near."""
    near = difflib.get_close_matches(str(given), list(known), 1, 0.6)
    return f" Did you mean {near[0]}?" if near else ""


def no_column(name: str, known: Sequence[str]) -> str:
    """Return that a table has no column of a name, and which it has."""
    near = meant(name, known)
    there = ", ".join(known) or "none, for items are no rows of a table"
    return f"there is no column {name!r}; columns are {there}{f'.{near}' if near else ''}"


def shown(value: Any) -> str:
    """Return a value as YAML would have it, short, and without what may be a credential in an address."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    text = re.sub(r"//[^/@\s]*@", "//***@", text)
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return repr(text) if isinstance(value, str) else text
