"""REST: the records of a JSON API, page after page."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import httpx

from include.data.errors import SourceError
from include.data.items import Item
from include.data.sources.base import Findings, Mark, Past, Pending, TimeMark, family, mark_of, value_of
from include.data.sources.http import Caller
from include.data.sources.records import ABSENT, Records, lookup
from include.data.times import moment_of, text
from include.projects.content import Content
from include.projects.sources import Cursors, Links, Pages, RestSource
from include.settings import Settings

TOKEN = re.compile(r"[\x21-\x7e]+")


class RestReader:
    """Reads the records of an API that lie behind the mark, in whatever order it gives them.

    By key: a number that only grows; greater ones are new. By ``time``: as `TimeMark` has it. Where ``since`` names
    a parameter the API is asked for no more than that; else all is read and what is known left out. A record that
    a shifted page brings again is taken once.

    Args:
        settings: ``source_url`` holds address and token where ``spec`` names none.
        spec: the API and the fields of its records.
        name: the source's name in rounds.
        past: ``mark`` of the round before; None takes everything.
        form: the form of an item.
    """

    def __init__(self, settings: Settings, spec: RestSource, name: str, past: Past, form: Content) -> None:
        self.settings, self.spec, self.name, self.form = settings, spec, name, form
        self.mark: Mark | None = past.mark
        self.findings = Findings(spec.needed)
        self.where = f"source {name.removeprefix('rest:')}"

    def items(self) -> Iterator[Item]:
        """Yield the new records.

        Raises:
            SourceError: the API is not as project.yaml says, or refuses.
            SourceUnavailable: it does not answer, or broke off.
        """
        progress = self._progress()
        records, seen = Records(self.spec, self.form, self.name, self.findings), set[str]()
        for page, found in enumerate(self._pages(), 1):
            for place, record in enumerate(found, 1):
                where = f"page {page}, record {place}"
                records.saw(record)
                try:
                    key, order = self._order(record)
                except ValueError as cause:
                    self.findings.hold(where, str(cause))
                    continue
                if key in seen:
                    self.findings.repeated += 1
                elif progress.new(order, key):
                    seen.add(key)
                    if item := records.item(record, key, f"{where}, key {text(key)}"):
                        yield item
        self.findings.settle(first=self.mark is None)
        records.finish(self.where)
        self.mark = progress.mark()

    def pending(self, enough: int = 1) -> Pending:
        """Return how many new records there are; page after page, until ``enough`` were seen.

        Where the API takes ``since``, that is the first page; else new records may stand on any.
        """
        progress, seen = self._progress(), set[str]()
        for found in self._pages():
            for record in found:
                with suppress(ValueError):
                    key, order = self._order(record)
                    if key not in seen and progress.new(order, key):
                        seen.add(key)
            if len(seen) >= enough:
                break
        return Pending(len(seen), [progress.mark(), hashlib.sha256(repr(sorted(seen)).encode("utf-8", "replace")).hexdigest()])

    def objects(self) -> dict[str, bytes]:
        """Return nothing: the mark says it all."""
        return {}

    def _progress(self) -> TimeMark | _KeyMark:
        return TimeMark(self.mark, self.where) if self.spec.time else _KeyMark(self.mark, self.where)

    def _order(self, record: Any) -> tuple[str, Any]:
        """Return a record's key, and the key or time by which it is new or not."""
        key = lookup(record, self.spec.key)
        if key is ABSENT or isinstance(key, bool | float | dict | list) or key is None:
            raise ValueError(f"the field {self.spec.key} is {'missing' if key is ABSENT else family(key)}, no key")
        if not self.spec.time:
            return str(key), key
        moment = lookup(record, self.spec.time)
        if isinstance(moment, int) and not isinstance(moment, bool):
            return str(key), moment
        if not isinstance(moment, str):
            raise ValueError(f"the field {self.spec.time} is {'missing' if moment is ABSENT else family(moment)}, no time")
        try:
            return str(key), moment_of(moment)
        except ValueError as cause:
            raise ValueError(f"{moment[:40]!r} in {self.spec.time} is no time in ISO 8601") from cause

    def _pages(self) -> Iterator[list[Any]]:
        url, token = address(self.settings, self.spec)
        style, params = self.spec.pagination, dict(self.spec.params)
        if self.spec.since and self.mark:
            last = value_of(self.mark)
            params[self.spec.since] = last.isoformat() if isinstance(last, datetime) else str(last)
        if isinstance(style, Pages) and style.size_parameter:
            params[style.size_parameter] = str(style.size)
        before: set[bytes] = set()
        with Caller(self.spec, self.where, token) as caller:
            for number in range(self.spec.max_pages):
                if isinstance(style, Pages):
                    params[style.parameter] = str(style.first + number)
                body, links = caller.get(url, params)
                found = self._records(body)
                yield found
                way: str | None = None  # to the next page
                if isinstance(style, Pages):
                    way = hashlib.sha256(repr(found).encode("utf-8", "backslashreplace")).hexdigest() if found else None
                elif isinstance(style, Cursors):
                    way = self._next(body, style.next)
                    params[style.parameter] = way or ""
                elif isinstance(style, Links):
                    way = self._next(body, style.next) if style.next else links.get("next", {}).get("url")
                    url, params = (self._same_place(url, way), {}) if way else (url, params)
                if not way:
                    return
                mark = hashlib.sha256(way.encode("utf-8", "backslashreplace")).digest()
                if mark in before:
                    problem = f"page {number + 1} leads to one that was read before"
                    raise SourceError(self.where, problem, "Correct data.source.pagination: as it is, the API never ends")
                before.add(mark)
        problem = f"it has more than {self.spec.max_pages} pages"
        raise SourceError(self.where, problem, "Correct data.source.pagination, or raise max_pages")

    def _records(self, body: Any) -> list[Any]:
        found = lookup(body, self.spec.records) if self.spec.records else body
        if not isinstance(found, list):
            what = f"the field {self.spec.records} of its answer" if self.spec.records else "its answer"
            problem = f"{what} is {'missing' if found is ABSENT else family(found)}, wanted a list"
            raise SourceError(self.where, problem, "Correct data.source.records")
        return found

    def _next(self, body: Any, name: str) -> str | None:
        found = lookup(body, name)
        if found is ABSENT or found is None or found == "" or found is False:
            return None
        if isinstance(found, str | int):
            return str(found)
        raise SourceError(self.where, f"the field {name} is {family(found)}", "Correct data.source.pagination.next")

    def _same_place(self, url: str, way: str) -> str:
        """Return the next page's address; the token goes nowhere else."""
        here = httpx.URL(url)
        try:
            there = here.join(way)
        except (httpx.InvalidURL, ValueError) as cause:
            raise SourceError(self.where, "the link to the next page is no address", "Tell those who run the API") from cause
        if (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port):
            problem = f"the link to the next page leads to another place, {there.scheme}://{there.host}"
            raise SourceError(self.where, problem, "Tell those who run the API: pages must lie where the first one does")
        return str(there)


class _KeyMark:
    """A mark by a key of growing whole numbers."""

    def __init__(self, mark: Mark | None, where: str) -> None:
        self.where = where
        if mark and ("keys" in mark or mark["type"] != "int"):
            problem = "it was collected by a time before, and project.yaml names none now"
            raise SourceError(where, problem, "Name the field as data.source.time again")
        self.begin: int | None = mark["value"] if mark else None
        self.last = self.begin

    def new(self, key: Any, _: str) -> bool:
        if not isinstance(key, int):
            problem = f"the key {text(key)!r} is no whole number, so later keys need not be greater"
            raise SourceError(self.where, problem, "Name the field with each record's time of change as data.source.time")
        if self.begin is not None and key <= self.begin:
            return False
        self.last = key if self.last is None else max(self.last, key)
        return True

    def mark(self) -> Mark | None:
        return None if self.last is None else mark_of(self.last, self.where)


def address(settings: Settings, spec: RestSource) -> tuple[str, str]:
    """Return the API's address, which holds no credential, and the bearer token, empty where there is none.

    Raises:
        SourceError: there is no address, or the token is missing or no token.
    """
    where = "source of kind rest"
    if spec.url:
        url, token = spec.url, ""
    else:
        try:
            given = httpx.URL(settings.source_url.get_secret_value())
        except (httpx.InvalidURL, ValueError):
            given = httpx.URL("")
        if given.scheme not in ("http", "https") or not given.host:
            advice = "Name it as data.source.url, or in the connection devmlops_source (DEVMLOPS_SOURCE_URL)"
            raise SourceError(where, "no http or https address is named", advice)
        token = given.password
        url = str(given.copy_with(username=None, password=None, query=None, fragment=None))
    if spec.token_env:
        token = os.environ.get(spec.token_env, "").strip()
        if not token:
            raise SourceError(where, f"the environment variable {spec.token_env} holds no token", "Set it where the tasks run")
    if token and not TOKEN.fullmatch(token):
        raise SourceError(
            where, "the token holds characters that no bearer token has", "Set it anew, without spaces or line ends"
        )
    return url, token
