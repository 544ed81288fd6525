"""Masking of one value: hash, generalise, fake. Pure functions; the same value and salt give the same result."""

from __future__ import annotations

import hashlib
import hmac
import math
import threading
import unicodedata
from bisect import bisect_right
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.projects.content import Column
from include.projects.masking import Fake, FakeKind, Generalise, Locale

if TYPE_CHECKING:
    from faker import Faker

HASH_HEX = 16
TRIES = 8  # an invented value that is the original is invented again


def derive(salt: bytes, project: str) -> bytes:
    """Return the project's key: one salt gives each project other hashes, so nothing joins across projects."""
    return hmac.digest(salt, f"devmlops masking\n{project}".encode(), "sha256")


def fingerprint(key: bytes) -> str:
    """Return what names a key without telling it: equal where two samples were masked by the same one."""
    return hmac.new(key, b"fingerprint", hashlib.sha256).hexdigest()[:8]


def hashed(value: object, key: bytes) -> str:
    """Return the keyed hash of a value: HMAC-SHA256, 16 hex digits; text and number of equal digits are equal."""
    return _mac(value, key, b"hash")[:HASH_HEX]


def hashed_integer(value: int, key: bytes) -> int:
    """Return the keyed hash of an integer as a number below 2**52, which every reader of JSON keeps exactly."""
    return int(hashed(value, key)[:13], 16)


def generalised(value: Any, rule: Generalise, column: Column) -> Any:
    """Return a coarser value; None stays None.

    Args:
        value: as a row of a table holds it: a number, text, or a time as ISO 8601 text.
        rule: how.
        column: the value's column; a number stays inside of its range.
    """
    if value is None:
        return None
    if rule.to is not None:
        return start_of(datetime.fromisoformat(value), rule.to).isoformat(timespec="microseconds")
    if rule.prefix is not None:
        return value[: max(0, min(rule.prefix, len(value) - 1))]
    if rule.groups is not None:
        return next((new for new, olds in rule.groups.items() if value in olds), rule.other)
    edge = _bin(value, rule.step, column) if rule.step is not None else _edge(value, rule.bins or [])
    if column.range is not None:
        edge = min(max(edge, column.range[0]), column.range[1])
    return int(edge) if column.type == "integer" else float(edge)


def start_of(moment: datetime, unit: str) -> datetime:
    """Return the begin of the day, month or year of a moment, in the moment's own zone."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day if unit == "day" else day.replace(month=1 if unit == "year" else day.month, day=1)


def faked(value: str, rule: Fake, key: bytes) -> str:
    """Return an invented value of the rule's kind, the same for the same original."""
    return invented(value, rule.kind, rule.locale, key)


def invented(value: str, kind: FakeKind | str, locale: Locale, key: bytes) -> str:
    """Return an invented value, never the original itself.

    Args:
        value: the original.
        kind: what is invented.
        locale: in which language.
        key: the project's key.
    """
    seed = int(_mac(f"{kind}\n{locale}\n{_same(value)}", key, b"fake"), 16)
    for attempt in range(TRIES):
        maker = _faker(locale)
        maker.seed_instance(seed + attempt)
        made = str(getattr(maker, _METHODS[kind])()).replace("\n", " ")
        if _same(made) != _same(value):
            return made
    return f"{made} {seed % 1000}"


_METHODS = {
    "name": "name",
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "ascii_safe_email",
    "phone": "phone_number",
    "address": "address",
    "city": "city",
    "company": "company",
    "job": "job",
    "user_name": "user_name",
    "ip": "ipv4_private",
}


class _Fakers(threading.local):
    """One Faker per thread and locale: seeding it and asking it are two steps."""

    def __init__(self) -> None:
        self.made: dict[str, Faker] = {}


_FAKERS = _Fakers()


def _faker(locale: str) -> Faker:
    from faker import Faker

    if locale not in _FAKERS.made:
        _FAKERS.made[locale] = Faker(locale)
    return _FAKERS.made[locale]


def _bin(value: float, step: float, column: Column) -> float:
    return value // int(step) * int(step) if column.type == "integer" else math.floor(value / step) * step


def _edge(value: float, bins: list[float]) -> float:
    return bins[max(0, bisect_right(bins, value) - 1)]


def _mac(value: object, key: bytes, purpose: bytes) -> str:
    return hmac.new(key, purpose + b"\n" + _plain(str(value)).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _plain(value: str) -> str:
    # One Korean name has two spellings in Unicode, and files of some systems have the other one.
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def _same(value: str) -> str:
    return _plain(value).strip().casefold()
