"""Redacting text: personal data goes, and labels that point into the text move with it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from include.data.privacy.detect import Found, find
from include.data.privacy.values import invented
from include.projects.masking import Masking, Redact

FAKEABLE = ("email", "phone", "ip")  # an invented card or resident number may be somebody's


class Edit(NamedTuple):
    """Characters ``start`` to ``end`` of the original became ``new``."""

    start: int
    end: int
    new: str


def redacted(text: str, rule: Redact, masking: Masking, key: bytes, names: Iterable[str] = ()) -> tuple[str, list[Edit]]:
    """Return a text without personal data, and what was changed.

    Args:
        text: the original.
        rule: by what it is replaced.
        masking: which kinds are looked for.
        key: the project's key; invented values are the same for the same original.
        names: values of the same item that tell about a person; they go wherever they stand in the text.
    """
    found = find(text, masking.kinds, masking.regions)
    spans = [(one.start, one.end, _new(text, one, rule, key)) for one in found]
    for name in sorted({one for one in names if telling(one)}, key=len, reverse=True):
        spans += [(start, start + len(name), "[PERSONAL]") for start in _places(text, name)]
    edits: list[Edit] = []
    for start, end, new in sorted(spans, key=lambda one: (one[0], -one[1])):
        if edits and start < edits[-1].end:
            last = edits.pop()
            edits.append(Edit(last.start, max(end, last.end), last.new))
        else:
            edits.append(Edit(start, end, new))
    return _applied(text, edits), edits


def telling(value: str) -> bool:
    """Tell whether a value is long enough to be looked for: three characters, or two that are no ASCII."""
    value = value.strip()
    return len(value) >= 3 or (len(value) == 2 and not value.isascii())


def moved_tags(spans: Sequence[dict[str, Any]], edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """Return the spans of a tagging label where they stand in the redacted text."""
    moved = []
    for one in spans:
        start, end = _moved(one["start"], edits, end=False), _moved(one["end"], edits, end=True)
        if start < end:
            moved.append({**one, "start": start, "end": end})
    return moved


def moved_answers(answers: Sequence[dict[str, Any]], edits: Sequence[Edit], text: str) -> list[dict[str, Any]]:
    """Return the answers of a question where they stand in the redacted context, in its words."""
    moved = []
    for one in answers:
        start = _moved(one["start"], edits, end=False)
        end = _moved(one["start"] + len(one["text"]), edits, end=True)
        if start < end:
            moved.append({"start": start, "text": text[start:end]})
    return moved


def _new(text: str, found: Found, rule: Redact, key: bytes) -> str:
    if rule.replace == "fake" and found.kind in FAKEABLE:
        return invented(text[found.start : found.end], found.kind, rule.locale, key)
    return f"[{found.kind.upper()}]"


def _places(text: str, name: str) -> list[int]:
    low, wanted = text.lower(), name.lower()
    if len(low) != len(text):  # a few letters have a longer small form, and places would shift
        low, wanted = text, name
    places, at = [], low.find(wanted)
    while at >= 0:
        places.append(at)
        at = low.find(wanted, at + len(wanted))
    return places


def _applied(text: str, edits: Sequence[Edit]) -> str:
    parts, done = [], 0
    for edit in edits:
        parts += [text[done : edit.start], edit.new]
        done = edit.end
    return "".join([*parts, text[done:]])


def _moved(place: int, edits: Sequence[Edit], *, end: bool) -> int:
    """Return where a place of the original stands; one inside of an edit goes to the edit's begin or end."""
    shift = 0
    for edit in edits[: bisect_right(edits, place, key=lambda one: one.start)]:
        if place >= edit.end:
            shift += len(edit.new) - (edit.end - edit.start)
        elif place > edit.start or (place == edit.start and not end):
            return edit.start + shift + (len(edit.new) if end else 0)
    return place + shift
