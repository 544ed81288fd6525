"""What the models of project.yaml are made of, seen from their annotations: sections, unions and their tags, plain types."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo


def bare(annotation: Any) -> Any:
    """Return an annotation without what is said about it, and without None."""
    while True:
        if isinstance(annotation, FieldInfo):
            annotation = annotation.annotation
        elif get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif is_union(annotation) and len(rest := [one for one in get_args(annotation) if one is not type(None)]) == 1:
            annotation = rest[0]
        else:
            return annotation


def is_union(annotation: Any) -> bool:
    """Tell whether an annotation is a choice of types."""
    return get_origin(annotation) in (Union, types.UnionType)


def is_model(annotation: Any) -> bool:
    """Tell whether an annotation is a section."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def members(annotation: Any) -> list[tuple[str, Any]]:
    """Return the types of a choice, each with the tag that chooses it; the tag is empty where nothing does."""
    return [(_tag(one), bare(one)) for one in get_args(bare(annotation)) if one is not type(None)]


def _tag(member: Any) -> str:
    if get_origin(member) is Annotated:
        for note in get_args(member)[1:]:
            if isinstance(note, Tag):
                return note.tag
    model = bare(member)
    key = chooser(model) if is_model(model) else ""
    return str(get_args(model.model_fields[key].annotation)[0]) if key else ""


def chooser(model: type[BaseModel]) -> str:
    """Return the key of a section that may have one value alone, by which it is chosen; empty where there is none."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            return name
    return ""


def discriminator(annotation: Any) -> str:
    """Return the key whose value chooses among the sections of a choice."""
    return next((key for _, model in members(annotation) if is_model(model) and (key := chooser(model))), "kind")


def item(annotation: Any) -> Any:
    """Return the type of the values of a mapping or list; Any where it says none."""
    given = get_args(bare(annotation))
    return (given[1] if len(given) == 2 and get_origin(bare(annotation)) is dict else given[0]) if given else Any


def step(annotation: Any, part: str | int) -> tuple[Any, bool]:
    """Go one part of a place that pydantic tells down from an annotation.

    Returns:
        The annotation there, Any where there is none, and whether the part is the tag of a choice and no key.
    """
    annotation = bare(annotation)
    if is_union(annotation):
        for tag, model in members(annotation):
            if tag and tag == part:
                return model, True
        annotation = next((m for _, m in members(annotation) if is_model(m) and part in m.model_fields), Any)
    if is_model(annotation):
        return annotation.model_fields.get(part, Any), False
    return (item(annotation) if get_origin(annotation) in (dict, list, tuple, set, frozenset) else Any), False


def follow(annotation: Any, loc: tuple[str | int, ...]) -> Any:
    """Return the annotation at a place that pydantic tells, tags of choices in it; Any where there is none."""
    for part in loc:
        annotation, _ = step(annotation, part)
    return annotation


def described(annotation: Any) -> str:
    """Return a type in words: text, number, one of a, b, list of numbers, ..."""
    found = bare(annotation)
    if get_origin(found) is Literal:
        return "one of " + ", ".join(f"`{one}`" for one in get_args(found))
    if is_union(found):
        names = dict.fromkeys(tag or described(one) for tag, one in members(annotation))
        return " or ".join(names)
    if is_model(found):
        return "section"
    if get_origin(found) is dict:
        return f"mapping of name to {described(item(found))}"
    if get_origin(found) is tuple:
        return "[" + ", ".join(described(one) for one in get_args(found)) + "]"
    if get_origin(found) in (list, set, frozenset):
        return f"list of {described(item(found))}"
    words: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return words.get(found, "anything")


def limits(field: FieldInfo) -> str:
    """Return the bounds of a value in words: at least 0, below 1, ...; empty where it has none."""
    words = {
        "ge": "at least",
        "gt": "above",
        "le": "at most",
        "lt": "below",
        "min_length": "length at least",
        "max_length": "length at most",
    }
    found = []
    for note in field.metadata:
        found += [f"{word} {value}" for key, word in words.items() if (value := getattr(note, key, None)) is not None]
    return ", ".join(found)


def sections(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the keys of a section as people write them, without those that the loader fills."""
    for name, field in model.model_fields.items():
        if name != "folder":
            yield field.alias or name, field
