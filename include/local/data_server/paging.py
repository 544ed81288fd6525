"""Pages of sorted listings: prefix, delimiter, after and amount, as every lakeFS listing has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

Value = TypeVar("Value")

LARGEST_PAGE = 1000


class Page(NamedTuple):
    """What part of a listing to give.

    Args:
        prefix: only keys that start with it.
        after: only keys past it.
        delimiter: keys with it behind the prefix are grouped up to it; empty groups nothing.
        amount: most results.
    """

    prefix: str = ""
    after: str = ""
    delimiter: str = ""
    amount: int = 100


def after_all(prefix: str) -> str | None:
    """Return the first string above all that start with ``prefix``; None where there is none."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code <= 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if code == 0xD800 else code)
        prefix = prefix[:-1]
    return None


def cut(scan: Callable[[str], Iterable[tuple[str, Value]]], page: Page) -> tuple[list[tuple[str, Value | None]], bool]:
    """Return one page and whether more follow.

    Args:
        scan: gives (key, value) in order from a start; asked again behind every group, so a group's size costs nothing.
        page: which part.

    Returns:
        (key, value) pairs, value None for a group, and whether there are more.
    """
    found: list[tuple[str, Value | None]] = []
    start: str | None = max(page.prefix, page.after)
    while start is not None:
        for key, value in _within(scan(start), page):
            group = _group(key, page)
            if group is not None:
                start = after_all(group)
                if group > page.after:
                    if len(found) == page.amount:
                        return found, True
                    found.append((group, None))
                break
            if len(found) == page.amount:
                return found, True
            found.append((key, value))
        else:
            return found, False
    return found, False


def _within(pairs: Iterable[tuple[str, Value]], page: Page) -> Iterator[tuple[str, Value]]:
    for key, value in pairs:
        if key > page.after or not page.after:
            if not key.startswith(page.prefix):
                return
            yield key, value


def _group(key: str, page: Page) -> str | None:
    if not page.delimiter:
        return None
    at = key.find(page.delimiter, len(page.prefix))
    return None if at < 0 else key[: at + len(page.delimiter)]
