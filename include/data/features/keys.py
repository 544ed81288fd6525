"""Entity keys: checked, and in the one form that the online table knows them by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from include.data.features.errors import KeyProblem
from include.projects.feature_views import FeatureView

MAX_BYTES = 1000  # of a whole key in UTF-8; longer ones are no keys, and databases cannot index them
INTEGERS = range(-(2**63), 2**63)


def dump(entity: Mapping[str, Any]) -> str:
    """Return a key as the text that the online table has: its values in the order of their names."""
    return json.dumps([entity[name] for name in sorted(entity)], ensure_ascii=False, separators=(",", ":"))


def values(view: FeatureView, entity: Any, row: int = 0) -> dict[str, Any]:
    """Return the values of one entity's key by name, in the order of the view.

    Args:
        view: names the keys and their types.
        entity: key values by name; where there is one key alone, its value will do.
        row: which of several entities it is, for errors.

    Raises:
        KeyProblem: no entity can have this key.
    """
    where = f"entity {row}"
    if not isinstance(entity, Mapping):
        if len(view.keys) > 1 or isinstance(entity, list | tuple | set):
            raise KeyProblem(where, f"it is {kind(entity)}, not an object with its keys", _advice(view), row)
        entity = {next(iter(view.keys)): entity}
    if unknown := [str(name)[:80] for name in entity if name not in view.keys]:
        raise KeyProblem(where, f"it has no key {unknown[0]!r}", _advice(view), row, unknown[0])
    found = {}
    for name, wanted in view.keys.items():
        if name not in entity:
            raise KeyProblem(where, f"its key {name} is missing", _advice(view), row, name)
        if problem := _problem(entity[name], wanted):
            raise KeyProblem(where, f"{name} {problem}", _advice(view), row, name)
        found[name] = entity[name]
    size = len(dump(found).encode())
    if size > MAX_BYTES:
        problem = f"its key has {size} bytes, at most {MAX_BYTES} are allowed"
        raise KeyProblem(where, problem, _advice(view), row, next(iter(view.keys)))
    return found


def read_text(view: FeatureView, entity: Mapping[str, str]) -> dict[str, Any]:
    """Return keys that came as text, such as in an address, with whole numbers as numbers where that is their type."""
    whole = {name for name, wanted in view.keys.items() if wanted == "integer"}
    return {name: int(value) if name in whole and _is_whole(value) else value for name, value in entity.items()}


def kind(value: Any) -> str:
    """Return what a JSON value is, in words."""
    if value is None:
        return "null"
    for types, name in ((bool, "true or false"), (int | float, "a number"), (str, "a text"), (Mapping, "an object")):
        if isinstance(value, types):
            return name
    return "a list"


def _problem(value: Any, wanted: str) -> str | None:
    if wanted == "integer":
        if isinstance(value, bool) or not isinstance(value, int):
            return f"must be a whole number, not {kind(value)}"
        return None if value in INTEGERS else "needs more than 64 bits"
    if not isinstance(value, str):
        return f"must be a text, not {kind(value)}"
    if not value:
        return "is empty"
    if len(value) > MAX_BYTES:
        return f"has {len(value)} characters, at most {MAX_BYTES} bytes are allowed"
    if "\x00" in value:
        return "holds a NUL character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is no valid Unicode"
    return None


def _is_whole(value: str) -> bool:
    digits = value.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 19


def _advice(view: FeatureView) -> str:
    wanted = ", ".join(f"{name} ({'a text' if kind == 'text' else 'a whole number'})" for name, kind in view.keys.items())
    return f"An entity ({view.entity}) is named by {wanted}"
