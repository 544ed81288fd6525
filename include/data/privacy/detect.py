"""Personal data in text, found by its pattern: where it stands and of what kind.

A pattern finds what has a form: addresses, numbers. Names and what somebody tells about a person in words have none;
columns that hold them are dropped, hashed or invented anew. Where a check digit cannot decide (Korean resident numbers
given out since October 2020 have none), a number of the right form counts as found: better one too many.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

from include.projects.masking import KINDS, PersonalKind

REGIONS = ("KR", "US")

_SEPARATOR = r"[ \-.]?"
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}")
_RRN = re.compile(r"(?<!\d)(\d{6})[ \-.]{0,3}([1-8]\d{6})(?!\d)")
_CARD = re.compile(rf"(?<![\d.])[1-9](?:{_SEPARATOR}\d){{12,18}}(?!\d)")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{2,4}){3,8}(?![A-Za-z0-9])")
_LICENCE = re.compile(r"(?<!\d)(?:1[1-9]|2[0-8])-\d{2}-\d{6}-\d{2}(?!\d)")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_PHONE = re.compile(r"(?<![\d.])[+(]{0,2}\d(?:[ \-.()/]{0,3}\d){6,19}(?!\d)")
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
_IPV6 = re.compile(r"(?<![\w:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_HYPHENS = "‐‑‒–—―−﹘﹣－ー〜～~·"


class Found(NamedTuple):
    """One piece of personal data: characters ``start`` to ``end`` (not included) of a text, and its kind."""

    start: int
    end: int
    kind: PersonalKind


def find(text: str, kinds: Sequence[PersonalKind] = KINDS, regions: Sequence[str] = REGIONS) -> list[Found]:
    """Return the personal data in a text, in order, none inside another.

    Wide digits and letters, other hyphens and characters that nobody sees hide nothing. The time grows with the
    length of the text alone.

    Args:
        text: any text.
        kinds: what is looked for; where two overlap, the first of `KINDS` counts.
        regions: telephone numbers without a country's code are taken as of these.
    """
    plain, places = _plain(text)
    taken: list[tuple[int, int, PersonalKind]] = []
    free = bytearray(b"\1") * len(plain)
    for kind in (one for one in KINDS if one in kinds):
        for start, end in _FINDERS[kind](plain, tuple(regions)):
            if free.find(0, start, end) < 0:
                free[start:end] = bytes(end - start)
                taken.append((start, end, kind))
    if places is None:
        return [Found(*one) for one in sorted(taken)]
    return [Found(places[start], places[end - 1] + 1, kind) for start, end, kind in sorted(taken)]


find_personal = find  # its name in the package; a lazy package renames nothing that it gives


def looks_like(values: Sequence[int], regions: Sequence[str] = REGIONS) -> PersonalKind | None:
    """Return the kind of personal data that most of these numbers look like, None where they do not.

    One number says little: every tenth of 16 digits has the check digit of a card.
    """
    texts = [str(value) for value in values]
    for kind in ("rrn", "card", "phone"):
        hits = sum(any(_whole(one, kind, regions) for one in (text, f"0{text}")) for text in texts)
        if texts and hits * 2 > len(texts):
            return kind  # type: ignore[return-value]
    return None


def _whole(text: str, kind: str, regions: Sequence[str]) -> bool:
    return any((start, end) == (0, len(text)) for start, end in _FINDERS[kind](text, tuple(regions)))


@cache
def _table() -> dict[int, str]:
    """Return what stands for each character in the search: one character for one."""
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    table |= {ord(one): "-" for one in _HYPHENS}
    table |= {code: " " for code in (0x00A0, 0x2002, 0x2003, 0x2007, 0x2009, 0x202F, 0x3000, 0x09, 0x0A, 0x0D)}
    for code in range(0x660, 0x1FBFA):
        digit = unicodedata.digit(chr(code), None)
        if digit is not None and (code < 0xFF10 or code > 0xFF19):
            table[code] = str(digit)
    return table


def _plain(text: str) -> tuple[str, list[int] | None]:
    """Return the text to search in, and each character's place in the original where they differ."""
    if text.isascii():
        return text.replace("\n", " ").replace("\t", " ").replace("\r", " "), None
    translated = text.translate(_table())
    if not _HIDDEN.search(translated):
        return translated, None
    kept = [place for place, char in enumerate(translated) if not _HIDDEN.match(char)]
    return "".join(translated[place] for place in kept), kept


def _emails(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    begin = 0
    while (at := text.find("@", begin)) >= 0:  # texts without @ are long and many
        domain, start = _DOMAIN.match(text, at + 1), at
        while domain and start > max(begin, at - 256) and (text[start - 1].isalnum() or text[start - 1] in "._+%-"):
            start -= 1
        if domain and start < at:
            yield start, domain.end()
        begin = domain.end() if domain else at + 1


def _resident_numbers(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for match in _RRN.finditer(text):
        birth, rest = match.groups()
        century = {"1": 1900, "2": 1900, "5": 1900, "6": 1900}.get(rest[0], 2000)
        try:
            date(century + int(birth[:2]), int(birth[2:4]), int(birth[4:]))
        except ValueError:
            continue
        yield match.span()


def _cards(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    from stdnum import luhn

    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if digits[0] in "23456" and luhn.is_valid(digits):
            yield match.span()


def _ibans(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    from stdnum import iban

    for match in _IBAN.finditer(text):
        # Words that follow may look like a part of it.
        for end in range(match.end(), match.start() + 14, -1):
            piece = text[match.start() : end]
            if (end == len(text) or not text[end].isalnum()) and iban.is_valid(piece, check_country=False):
                yield match.start(), end
                break


def _numbers(pattern: re.Pattern[str]) -> Callable[[str, tuple[str, ...]], Iterator[tuple[int, int]]]:
    return lambda text, regions: (match.span() for match in pattern.finditer(text))


def _social_numbers(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    from stdnum.us import ssn

    return (match.span() for match in _SSN.finditer(text) if ssn.is_valid(match[0]))


def _phones(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    from phonenumbers import Leniency, PhoneNumberMatcher

    for match in _PHONE.finditer(text):
        found: list[tuple[int, int]] = []
        later = text[match.end() : match.end() + 3] if text.startswith(":", match.end()) else ""  # of a date and time
        for region in regions or (None,):
            # It asks for what stands around, and gives up after many tries: so one candidate at a time.
            for number in PhoneNumberMatcher(match[0] + later, region, Leniency.VALID, max_tries=100):
                span = (match.start() + number.start, match.start() + number.end)
                if not any(span[0] < end and start < span[1] for start, end in found):
                    found.append(span)
        yield from sorted(found)


def _addresses(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if not (address.is_unspecified or address.is_loopback):
                yield match.span()


_FINDERS: dict[str, Callable[[str, tuple[str, ...]], Iterator[tuple[int, int]]]] = {
    "email": _emails,
    "rrn": _resident_numbers,
    "card": _cards,
    "iban": _ibans,
    "driver_licence": _numbers(_LICENCE),
    "ssn": _social_numbers,
    "phone": _phones,
    "ip": _addresses,
}
