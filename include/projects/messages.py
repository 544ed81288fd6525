"""What is wrong with the values of a project.yaml, in words for people: where, what, and what would be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from include.projects.forms import bare, described, discriminator, follow, is_model, is_union, members, sections, step
from include.projects.parts import Problems
from include.projects.reading import Document, Problem, Way
from include.projects.wording import choice, meant, shown

MANY = 14  # keys that are listed at most
NUMBERS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
TYPES = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "string": "text", "list": "a list", "tuple": "a list",
    "dict": "a mapping of keys and values", "model": "a section of keys and values", "finite": "a finite number",
}  # fmt: skip


def explain(model: type[BaseModel], error: ValidationError, document: Document, values: Mapping[str, Any]) -> list[Problem]:
    """Return all that is wrong, each with its line.

    Args:
        model: of the whole file.
        error: what pydantic says.
        document: the file.
        values: what was given to the model.
    """
    errors = error.errors(include_url=False)
    if all(not one["loc"] for one in errors):  # only what does not fit together: pydantic stops at the first of it
        texts = [text for cause in _checks(model, values) for text in _texts(cause)]
        found = [_placed(model, document, (), (), text) for text in texts]
    else:
        found = [made for one in errors for made in _one(model, one, document)]
    return sorted(dict.fromkeys(found), key=lambda one: one.line)


def wrong(model: type[BaseModel], values: Mapping[str, Any], place: str) -> list[str]:
    """Return all that is wrong with values that have a model of their own, each with its place below ``place``."""
    try:
        model.model_validate(values)
    except ValidationError as cause:
        return [made for one in cause.errors(include_url=False) for made in _alone(model, one, place)]
    return []


def _alone(model: type[BaseModel], error: Any, place: str) -> Iterator[str]:
    way = tuple(error["loc"])
    where = ".".join(map(str, (place, *way)))
    if error["type"] == "value_error":
        yield from (f"{where}: {text}" for text in _texts(error["ctx"]["error"]))
    else:
        yield f"{where}: {_what(model, error, way, way)}"


def _checks(model: type[BaseModel], values: Mapping[str, Any]) -> Iterator[ValueError]:
    """Run each check of the whole model by itself, on a model whose values are right one by one."""
    checks = model.__pydantic_decorators__.model_validators
    afters = [name for name, one in checks.items() if one.info.mode == "after"]
    loose = type(model.__name__, (model,), {"__module__": model.__module__, **{name: _nothing for name in afters}})
    made = loose(**values)
    for name in afters:
        try:
            getattr(model, name)(made)
        except ValueError as cause:
            yield cause


def _nothing(self: BaseModel) -> BaseModel:
    return self


def _texts(cause: Any) -> tuple[str, ...]:
    return cause.problems if isinstance(cause, Problems) else (str(cause),)


def _one(model: type[BaseModel], error: Any, document: Document) -> Iterator[Problem]:
    kind, loc, context = error["type"], tuple(error["loc"]), error.get("ctx", {})
    way = _way(model, document, loc, missing=kind == "missing")
    if kind in ("value_error", "assertion_error"):
        cause = context.get("error")
        texts = _texts(cause) if cause else (error["msg"],)
        yield from (_placed(model, document, loc, way, text) for text in texts)
        return
    if kind.startswith("union_tag"):
        way = (*way, discriminator(follow(model, loc)))
    yield Problem(document.line(way), f"{_said(way)}: {_what(model, error, loc, way)}")


def _what(model: type[BaseModel], error: Any, loc: Way, way: Way) -> str:
    kind, context, given = error["type"], error.get("ctx", {}), error.get("input")
    asked = follow(model, loc)
    note = f" {text}" if (text := getattr(asked, "description", None)) else ""
    if kind == "missing":
        return f"is missing. Write `{way[-1]}: ...` ({described(asked)}).{note}"
    if kind == "extra_forbidden":
        return _unknown(str(way[-1]), _keys(follow(model, loc[:-1]), loc))
    if kind == "literal_error":
        return choice(given, [str(one) for one in get_args(bare(asked))] or [context["expected"]])
    if kind == "union_tag_invalid":
        return choice(context["tag"], [tag for tag, _ in members(asked) if tag])
    if kind == "union_tag_not_found":
        return f"is missing. Write one of {', '.join(tag for tag, _ in members(asked) if tag)}"
    if kind in NUMBERS:
        word, key = NUMBERS[kind]
        return f"must be {word} {context[key]:g} (is {shown(given)}).{note}"
    if kind == "string_type" and isinstance(given, int | float):
        return f'must be text (is {shown(given)}). Write it in quotes: "{shown(given)}"'
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']} (is {shown(given)}).{note}"
    if kind in ("too_short", "string_too_short"):
        least = context["min_length"]
        return "must not be empty." + note if least == 1 else f"must have at least {least} (has {len(given)}).{note}"
    if kind in ("too_long", "string_too_long"):
        return f"must have at most {context['max_length']} (has {len(given)}).{note}"
    if wanted := TYPES.get(kind.partition("_")[0]):
        return f"must be {wanted} (is {shown(given)}).{note}"
    return f"{error['msg']} (is {shown(given)}).{note}"


def _unknown(name: str, keys: list[str]) -> str:
    listed = ", ".join(keys[:MANY]) + (", ..." if len(keys) > MANY else "")
    return f"there is no such key.{meant(name, keys)}" + (f" Keys here: {listed}" if listed else "")


def _keys(asked: Any, loc: Way) -> list[str]:
    found = bare(asked)
    if is_union(found):
        found = next((one for tag, one in members(found) if is_model(one) and (not tag or tag in loc)), found)
    return [name for name, _ in sections(found)] if is_model(found) else []


def _placed(model: type[BaseModel], document: Document, loc: Way, way: Way, text: str) -> Problem:
    """Return a problem that a check tells of a section; where it begins with a key of that section, it is put there."""
    text = text.removeprefix("Value error, ")
    keys = [name for name, _ in sections(section)] if is_model(section := bare(follow(model, loc))) else []
    head, colon, rest = text.partition(": ")
    parts = tuple(head.split("."))
    if colon and parts[0] in keys and (" " not in head or document.holds((*way, *parts))):
        return Problem(document.line((*way, *parts)), f"{_said((*way, *parts))}: {rest}")
    head, _, rest = text.partition(" ")
    parts = tuple(head.split("."))
    if parts[0] in keys and not rest.startswith(("and ", "or ")):
        way, text = (*way, *parts), rest if rest.startswith("must ") else text
    return Problem(document.line(way), f"{_said(way)}: {text}")


def _way(model: type[BaseModel], document: Document, loc: Way, missing: bool) -> Way:
    """Return the place as the file has it, without the tags that pydantic puts in for a chosen type."""
    values: Any = document.values
    asked: Any = model
    way: list[str | int] = []
    for number, part in enumerate(loc):
        asked, tag = step(asked, part)
        listed = isinstance(values, list) and isinstance(part, int) and part < len(values)
        if tag:
            continue
        if listed or (isinstance(values, dict) and part in values):
            values = values[part]
        elif not (missing and number == len(loc) - 1):
            continue
        way.append(part)
    return tuple(way)


def _said(way: Way) -> str:
    return ".".join(map(str, way)) or "project"
