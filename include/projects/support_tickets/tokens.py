"""Tokens of Korean and English text by a dictionary of words and their tags, ``words.csv``.

Korean writes particles and endings onto the word before: what begins with a word of the dictionary is that word, and
the rest, where it is a particle of the dictionary, another. No weights and no library, so the same everywhere.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

WORDS = Path(__file__).with_name("words.csv")
WORD = re.compile(r"[a-z]+(?:[-'][a-z]+)*|[가-힣]+|\d+(?:[.,]\d+)*|[^\s]")


class Token(NamedTuple):
    """One token: as it stands in the text, in lower case, and its tag; None where the dictionary does not have it."""

    text: str
    tag: str | None


@cache
def dictionary(path: Path = WORDS) -> Mapping[str, str]:
    """Return the tag of each word of a CSV file with the columns ``word`` and ``tag``.

    Raises:
        ValueError: it has other columns, a word twice, or a word or tag that is empty.
    """
    found: dict[str, str] = {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        if rows.fieldnames != ["word", "tag"]:
            raise ValueError(f"{path.name}: its columns are {rows.fieldnames}; wanted word and tag")
        for row in rows:
            word, tag = (unicodedata.normalize("NFC", row[name] or "").strip() for name in ("word", "tag"))
            if not word or not tag or word in found:
                raise ValueError(f"{path.name}, line {rows.line_num}: {word!r} is there twice, or word or tag is empty")
            found[word] = tag
    return found


def tokens(text: str, words: Mapping[str, str] | None = None) -> list[Token]:
    """Return the tokens of a text.

    Args:
        text: in any Unicode form and case.
        words: tag by word; the project's own dictionary where not given.
    """
    known = dictionary() if words is None else words
    found: list[Token] = []
    for match in WORD.finditer(unicodedata.normalize("NFC", text).lower()):
        found.extend(_split(match[0], known))
    return found


def _split(word: str, known: Mapping[str, str]) -> list[Token]:
    if word in known or not "가" <= word[0] <= "힣":
        return [Token(word, known.get(word))]
    for end in range(len(word) - 1, 0, -1):
        stem, rest = word[:end], word[end:]
        if known.get(stem, "particle") != "particle":
            return [Token(stem, known[stem]), Token(rest, known.get(rest))]
    return [Token(word, None)]
