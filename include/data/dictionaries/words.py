"""A dictionary in memory, and texts parted into tokens by it."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from include.data.dictionaries.entries import Entry

REST = re.compile(r"[^\W_]+|\S")  # what is no word: letters and digits together, any other sign alone


class Token(NamedTuple):
    """One token.

    Attributes:
        text: as it stands in the text, in Unicode's composed form; for a word with a replacement, that.
        start: where it begins in the composed text.
        end: where it ends there, not included.
        entry: of the dictionary; None for what it does not have.
    """

    text: str
    start: int
    end: int
    entry: Entry | None


class Dictionary:
    """Words and what is known of them.

    Args:
        name: of the dictionary.
        version: such as ``v2``; empty for one that was never kept.
        entries: its entries.
        digest: of them.
    """

    def __init__(self, name: str, version: str, entries: Sequence[Entry], digest: str = "") -> None:
        self.name, self.version, self.entries, self.digest = name, version, tuple(entries), digest

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Return the words, each once, in order."""
        return tuple(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and unicodedata.normalize("NFC", word) in self._entries

    def entries_of(self, word: str) -> list[Entry]:
        """Return what is known of a word, one entry for each tag, the one with the greatest weight first."""
        return list(self._entries.get(unicodedata.normalize("NFC", word), ()))

    def tokenise(self, text: str) -> list[Token]:
        """Return the tokens of a text, from left to right, always the longest word that fits.

        A word may be part of what is written together, as Korean nouns are before particles; one of Latin letters or
        digits may not: ``cat`` is not in ``category``. What is no word is one token up to a sign, a blank or a word.
        """
        text = unicodedata.normalize("NFC", text)
        found: list[Token] = []
        place = begin = 0
        while place < len(text):
            word = self._longest(text, place)
            if word is None:
                place += 1
                continue
            found += _rest(text, begin, place)
            known, end = self._entries[word][0], place + len(word)
            found.append(Token(known.replacement or word, place, end, known))
            place = begin = end
        return [*found, *_rest(text, begin, place)]

    def texts(self, text: str) -> list[str]:
        """Return the texts of the tokens alone, which is what models count."""
        return [token.text for token in self.tokenise(text)]

    @cached_property
    def _entries(self) -> dict[str, list[Entry]]:
        found: defaultdict[str, list[Entry]] = defaultdict(list)
        for one in self.entries:
            found[one.word].append(one)
        for same in found.values():
            same.sort(key=lambda one: (-(one.weight or 0.0), one.tag or ""))
        return dict(found)

    @cached_property
    def _lengths(self) -> dict[str, list[int]]:
        """Return how long the words are that begin with a character, the longest first."""
        found: defaultdict[str, set[int]] = defaultdict(set)
        for word in self._entries:
            found[word[0]].add(len(word))
        return {sign: sorted(lengths, reverse=True) for sign, lengths in found.items()}

    def _longest(self, text: str, place: int) -> str | None:
        for length in self._lengths.get(text[place], ()):
            word = text[place : place + length]
            if word in self._entries and not _cut(text, place) and not _cut(text, place + length):
                return word
        return None


def _cut(text: str, place: int) -> bool:
    """Tell whether a place lies inside of what Latin letters and digits write together."""
    return 0 < place < len(text) and all(sign.isascii() and sign.isalnum() for sign in text[place - 1 : place + 1])


def _rest(text: str, begin: int, end: int) -> Iterator[Token]:
    found: Iterable[re.Match[str]] = REST.finditer(text, begin, end)
    return (Token(match[0], match.start(), match.end(), None) for match in found)
