"""Entries of a word dictionary: what one is, and what becomes of repeats and conflicts."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from include.clients.lakefs import DataError
from include.data import items
from include.errors import FinalError

FIELDS = ("word", "tag", "weight", "replacement")
MAX_CHARS, EXAMPLES = 200, 5

Conflicts = Literal["refuse", "first", "last"]


class DictionaryError(FinalError, DataError):
    """Words that make no dictionary, or a dictionary that does not exist."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of a dictionary.

    Attributes:
        word: in Unicode's composed form (Hangul as it is typed), white space inside as one blank.
        tag: its kind, such as ``NNG`` or ``noun``; a word may be there once with each tag.
        weight: a finite number.
        replacement: what stands for it, such as a standard spelling.
    """

    word: str
    tag: str | None = None
    weight: float | None = None
    replacement: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Return what there is once in a dictionary."""
        return self.word, self.tag or ""


def entry(value: Any) -> Entry:
    """Return an entry from a word, a mapping of `FIELDS`, or an entry.

    Raises:
        ValueError: it is none; the message says why.
    """
    if isinstance(value, Entry):
        value = asdict(value)
    if isinstance(value, str):
        value = {"word": value}
    if not isinstance(value, Mapping):
        raise ValueError(f"it is {type(value).__name__}, wanted a word or {', '.join(FIELDS)}")
    word = _text(value.get("word"), "word")
    if word is None:
        raise ValueError("it has no word")
    return Entry(
        word, _text(value.get("tag"), "tag"), _weight(value.get("weight")), _text(value.get("replacement"), "replacement")
    )


@dataclass(frozen=True)
class Collected:
    """Entries once each, in the order of word and tag.

    Attributes:
        entries: them.
        report: ``words``, ``repeated`` (entries that were there before, the same), ``conflicts`` (with another weight or
            replacement) with ``examples``, and ``homographs`` (words with several tags).
    """

    entries: tuple[Entry, ...]
    report: dict[str, Any]


def collected(given: Iterable[Any], conflicts: Conflicts, where: str) -> Collected:
    """Return entries once each.

    Args:
        given: what `entry` takes.
        conflicts: ``refuse`` them, or let the ``first`` or ``last`` count.
        where: for errors.

    Raises:
        DictionaryError: one is no entry, there is none, or there are conflicts and they are refused.
    """
    found: dict[tuple[str, str], Entry] = {}
    repeated, different, wrong, examples = 0, 0, 0, list[str]()
    unlike = list[str]()
    for number, value in enumerate(given, 1):
        try:
            one = entry(value)
        except ValueError as cause:
            wrong += 1
            examples += [f"entry {number}: {cause}"] if len(examples) < EXAMPLES else []
            continue
        before = found.get(one.key)
        if before is None or before == one:
            repeated += before is not None
            found[one.key] = one
            continue
        different += 1
        unlike += [f"{one.word}: {_told(before)} and {_told(one)}"] if len(unlike) < EXAMPLES else []
        if conflicts == "last":
            found[one.key] = one
    if wrong:
        raise DictionaryError(where, f"{wrong} entries are none: {'; '.join(examples)}", "Correct them, or leave them out")
    if different and conflicts == "refuse":
        problem = f"{different} words are there twice and differ: {'; '.join(unlike)}"
        raise DictionaryError(where, problem, "Correct them, or say which counts: conflicts first or last")
    if not found:
        raise DictionaryError(where, "there is no word in it", "Name a file with words")
    ordered = tuple(found[key] for key in sorted(found))
    homographs = sum(times > 1 for times in Counter(one.word for one in ordered).values())
    report = {"words": len(ordered), "repeated": repeated, "conflicts": different, "homographs": homographs}
    return Collected(ordered, {**report, "examples": unlike})


def digest(entries: Iterable[Entry]) -> str:
    """Return the digest of a dictionary, whatever its entries come in."""
    return items.digest({"entries": sorted((one.word, one.tag or "", one.weight, one.replacement) for one in entries)})


def _text(value: Any, field: str) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError(f"its {field} is {type(value).__name__}, wanted text")
    text = unicodedata.normalize("NFC", " ".join(str(value).split()))
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
        raise ValueError(f"its {field} {text[:20]!r} holds a control character")
    if len(text) > MAX_CHARS:
        raise ValueError(f"its {field} {text[:20]!r}... is longer than {MAX_CHARS} characters")
    return text or None


def _weight(value: Any) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = math.nan
    if isinstance(value, bool) or not math.isfinite(weight):
        raise ValueError(f"its weight {str(value)[:20]!r} is no finite number")
    return weight


def _told(one: Entry) -> str:
    return (
        ", ".join(f"{name} {value}" for name, value in asdict(one).items() if name != "word" and value is not None) or "nothing"
    )
