"""The pages of a data sheet: one text, written as HTML and as Markdown; text from outside is escaped in both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markupsafe import Markup

from include.reports import Section, bars, page, table
from include.reports.links import link
from include.reports.numbers import short

SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!|~])")


@dataclass(frozen=True)
class Cell:
    """A text or number, with the address of the record that it comes from."""

    text: Any
    url: str | None = None


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str
    url: str | None = None
    bad: bool = False


@dataclass(frozen=True)
class Rows:
    """A table."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""


@dataclass(frozen=True)
class Bars:
    """Counts by name, drawn; a table in Markdown."""

    counts: Mapping[str, int]


@dataclass(frozen=True)
class Drawing:
    """A picture for HTML, and what stands for it in Markdown."""

    html: Markup
    instead: Sequence[str]


Block = Words | Rows | Bars | Drawing


@dataclass(frozen=True)
class Part:
    """One part of a sheet."""

    title: str
    blocks: Sequence[Block]


def html(title: str, about: str, parts: Sequence[Part]) -> str:
    """Return the sheet as one HTML page."""
    sections = [Section(one.title, Markup("").join(_html(block) for block in one.blocks)) for one in parts]
    return page(title, sections, about)


def markdown(title: str, about: str, parts: Sequence[Part]) -> str:
    """Return the sheet as Markdown, as GitHub and pandoc read it."""
    found = [f"# {_plain(title)}", _plain(about)]
    for one in parts:
        found.append(f"## {_plain(one.title)}")
        found += [_markdown(block) for block in one.blocks]
    return "\n\n".join(part for part in found if part) + "\n"


def _html(block: Block) -> Markup:
    if isinstance(block, Words):
        return Markup('<p class="{}">{}</p>').format("bad" if block.bad else "", link(block.text, block.url))
    if isinstance(block, Bars):
        return bars(block.counts)
    if isinstance(block, Drawing):
        return block.html
    head = Markup("<h3>{}</h3>").format(block.title) if block.title else Markup("")
    return head + table(block.columns, [[_cell(one) for one in row] for row in block.rows])


def _cell(one: Any) -> Any:
    if not isinstance(one, Cell):
        return one
    if not one.url:
        return one.text
    return link(_number(one.text), one.url)


def _markdown(block: Block) -> str:
    if isinstance(block, Words):
        return _linked(block.text, block.url)
    if isinstance(block, Drawing):
        return "\n".join(f"- {_plain(line)}" for line in block.instead)
    if isinstance(block, Bars):
        block = Rows(["Name", "Count"], list(block.counts.items()))
    lines = [f"### {_plain(block.title)}\n"] if block.title else []
    lines += [_row([_plain(name) for name in block.columns]), _row(["---"] * len(block.columns))]
    lines += [_row([_linked(one.text, one.url) if isinstance(one, Cell) else _plain(one) for one in row]) for row in block.rows]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _linked(text: Any, url: str | None) -> str:
    shown = _plain(text)
    if not url or not url.startswith(("http://", "https://")):
        return shown
    return f"[{shown}](<{url.replace('<', '%3C').replace('>', '%3E').replace('|', '%7C')}>)" if shown else ""


def _plain(text: Any) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return escape(SPECIAL.sub(r"\\\1", " ".join(str(_number(text)).split())), quote=False)


def _number(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return f"{value:,}" if isinstance(value, int) else short(value)
