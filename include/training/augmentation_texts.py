"""Texts varied: slips of the keyboard (Hangul by its letters), words exchanged, left out or replaced."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training.errors import InputError

if TYPE_CHECKING:
    import numpy as np

INITIALS, VOWELS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ", "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
FIRST, LAST = ord("가"), ord("힣")
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "ㅂㅈㄷㄱㅅ", "ㅁㄴㅇㄹㅎ", "ㅋㅌㅊㅍ", "ㅛㅕㅑㅐㅔ", "ㅗㅓㅏㅣ", "ㅠㅜㅡ")
NEAR = {key: row[max(place - 1, 0) : place] + row[place + 1 : place + 2] for row in KEYS for place, key in enumerate(row)}
WORD = re.compile(r"\S+")
PARTICLES = (("이", "가"), ("은", "는"), ("을", "를"), ("과", "와"), ("으로", "로"), ("이나", "나"), ("이랑", "랑"))

Way = Callable[[str, "np.random.Generator", Any], str]


def step(project: Project, use: str, asked: Any) -> Callable[[str, np.random.Generator], str]:
    """Return one of `include.projects.augmentation.TEXT` as a function of a text and a generator."""
    if use == "synonym":
        words = _dictionary(project, asked)
        return lambda value, draw: _synonym(value, draw, asked.share, words)
    return lambda value, draw: _WAYS[use](value, draw, asked)


def _typo(text: str, draw: np.random.Generator, asked: Any) -> str:
    letters = list(unicodedata.normalize("NFC", text))
    for place in _some([n for n, one in enumerate(letters) if _slips(one)], draw, asked.share):
        found = _slips(letters[place])
        letters[place] = found[int(draw.integers(len(found)))]
    return "".join(letters)


def _slips(letter: str) -> list[str]:
    """Return what a letter becomes by one key beside the right one; a syllable stays a syllable."""
    if not FIRST <= ord(letter) <= LAST:
        near = NEAR.get(letter.lower(), "") if letter.isascii() else NEAR.get(letter, "")
        return [one.upper() if letter.isupper() else one for one in near]
    number = ord(letter) - FIRST
    parts = (number // 588, number % 588 // 28, number % 28)
    found = []
    for place, alphabet in enumerate((INITIALS, VOWELS, FINALS)):
        for one in NEAR.get(alphabet[parts[place]], ""):
            if one in alphabet:
                other = [*parts]
                other[place] = alphabet.index(one)
                found.append(chr(FIRST + other[0] * 588 + other[1] * 28 + other[2]))
    return found


def _swap(text: str, draw: np.random.Generator, asked: Any) -> str:
    for _ in range(asked.times):
        words = list(WORD.finditer(text))
        if len(words) < 2:
            return text
        first = int(draw.integers(len(words) - 1))
        left, right = words[first], words[first + 1]
        text = text[: left.start()] + right[0] + text[left.end() : right.start()] + left[0] + text[right.end() :]
    return text


def _delete(text: str, draw: np.random.Generator, asked: Any) -> str:
    words = list(WORD.finditer(text))
    gone = set(_some(range(len(words)), draw, asked.share)[: len(words) - 1])
    return " ".join(word[0] for place, word in enumerate(words) if place not in gone) if gone else text


def _spacing(text: str, draw: np.random.Generator, asked: Any) -> str:
    blanks = [place for place, one in enumerate(text) if one == " " and 0 < place < len(text) - 1]
    gone = set(_some(blanks, draw, asked.share))
    return "".join(one for place, one in enumerate(text) if place not in gone)


def _random_case(text: str, draw: np.random.Generator, asked: Any) -> str:
    letters = list(text)
    cased = [place for place, one in enumerate(letters) if one.swapcase() != one and len(one.swapcase()) == 1]
    for place in _some(cased, draw, asked.share):
        letters[place] = letters[place].swapcase()
    return "".join(letters)


def _synonym(text: str, draw: np.random.Generator, share: float, words: Mapping[str, Sequence[str]]) -> str:
    text = unicodedata.normalize("NFC", text)
    known = [(found, word) for found in WORD.finditer(text) if (word := _begin(found[0], words))]
    for place in sorted(_some(range(len(known)), draw, share), reverse=True):
        found, word = known[place]
        others = words[word.lower()]
        other = others[int(draw.integers(len(others)))]
        text = text[: found.start()] + other + _fitting(other, found[0][len(word) :]) + text[found.end() :]
    return text


def _begin(word: str, words: Mapping[str, Sequence[str]]) -> str | None:
    """Return the longest word of a dictionary that a word of a text begins with; only Hangul may go on behind it."""
    for end in range(len(word), 0, -1):
        whole = end == len(word) or not word[end].isalnum() or FIRST <= ord(word[end - 1]) <= LAST
        if whole and word[:end].lower() in words:
            return word[:end]
    return None


def _fitting(word: str, rest: str) -> str:
    """Return what follows a Korean word with the form of its particle that the word's last syllable asks for."""
    if not FIRST <= ord(word[-1]) <= LAST:
        return rest
    final = (ord(word[-1]) - FIRST) % 28
    for closed, free in PARTICLES:
        if rest in (closed, free):
            return closed if final and not (final == FINALS.index("ㄹ") and free == "로") else free
    return rest


def _some(places: Sequence[int], draw: np.random.Generator, share: float) -> list[int]:
    """Return some of the places, at least one where there is one, in the order drawn."""
    count = min(len(places), max(1, round(share * len(places))))
    return [int(places[one]) for one in draw.permutation(len(places))[:count]] if count else []


def _dictionary(project: Project, asked: Any) -> dict[str, list[str]]:
    found = {unicodedata.normalize("NFC", word).lower(): list(others) for word, others in asked.words.items()}
    if asked.file:
        where = f"training.augmentation (synonym) of {project.name}: {asked.file}"
        try:
            text = (project.folder / asked.file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as cause:
            raise InputError(f"{where}: it cannot be read as UTF-8: {cause}") from cause
        rows = csv.DictReader(text.splitlines())
        if not {"word", "replacement"} <= set(rows.fieldnames or []):
            raise InputError(f"{where}: its columns are {rows.fieldnames}, wanted word and replacement")
        for row in rows:
            word, others = (row["word"] or "").strip(), [one.strip() for one in (row["replacement"] or "").split("|")]
            if word and any(others):
                found.setdefault(unicodedata.normalize("NFC", word).lower(), []).extend(one for one in others if one)
    if not found:
        raise InputError(f"training.augmentation (synonym) of {project.name}: there is no word with a replacement")
    return found


_WAYS: dict[str, Way] = {
    "typo": _typo,
    "swap": _swap,
    "delete": _delete,
    "spacing": _spacing,
    "random_case": _random_case,
}
