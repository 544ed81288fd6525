"""GET requests that are tried again: back-off, Retry-After, a rate limit, and no token in anything said."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx

from include.data.errors import SourceError, SourceUnavailable
from include.projects.sources import RestSource

AGAIN = frozenset({429, 500, 502, 503, 504})
FIRST_WAIT_S = 0.5
MAX_BODY = 64 << 20  # bytes of one answer


class Caller:
    """Asks one API, with at most so many requests a second.

    Args:
        spec: tries, waits, rate and time limit.
        where: for errors; holds no credential.
        token: bearer token, or empty.
    """

    def __init__(self, spec: RestSource, where: str, token: str) -> None:
        self.spec, self.where = spec, where
        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        self._http = httpx.Client(headers=headers, timeout=spec.timeout_s, follow_redirects=False)
        self._free_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, url: str, params: dict[str, str]) -> tuple[Any, dict[Any, Any]]:
        """Return the JSON of an answer and its links by relation.

        Raises:
            SourceError: the API refuses, or answers with what is no JSON page.
            SourceUnavailable: it gave no usable answer in so many tries, or asks to wait longer than is allowed.
        """
        said = ""
        for attempt in range(self.spec.tries):
            wait = FIRST_WAIT_S * 2**attempt * random.uniform(0.8, 1.2)
            self._take_turn()
            try:
                status, headers, body, links = self._ask(url, params)
            except httpx.TransportError as cause:
                said = f"no answer ({type(cause).__name__})"
            except httpx.InvalidURL as cause:
                raise SourceError(self.where, "this is no address", "Correct data.source.url") from cause
            else:
                if status not in AGAIN:
                    self._refused(status, headers)
                    try:
                        return json.loads(body), links
                    except (ValueError, RecursionError) as cause:
                        advice = "Check data.source.url; a proxy or a log-in page may have answered"
                        raise SourceError(self.where, "its answer is no JSON", advice) from cause
                said = f"HTTP {status}"
                asked = _retry_after(headers.get("Retry-After"))
                if asked is not None and asked > self.spec.max_wait_s:
                    problem = f"{said}, and it asks to wait {asked:.0f} s, longer than max_wait_s"
                    raise SourceUnavailable(self.where, problem, "Try again after that, or raise data.source.max_wait_s")
                wait = asked if asked is not None else wait
            if attempt + 1 < self.spec.tries:
                time.sleep(min(wait, self.spec.max_wait_s))
        raise SourceUnavailable(self.where, f"{said}, {self.spec.tries} times", "Look after the API, then try again")

    def _ask(self, url: str, params: dict[str, str]) -> tuple[int, httpx.Headers, bytes, dict[Any, Any]]:
        # httpx drops a URL's own query where params are given at all
        with self._http.stream("GET", url, params=params or None) as answer:
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_BODY:
                    problem = f"an answer has more than {MAX_BODY >> 20} MiB"
                    raise SourceError(self.where, problem, "Ask for smaller pages in data.source.pagination")
            return answer.status_code, answer.headers, bytes(body), answer.links

    def _refused(self, status: int, headers: httpx.Headers) -> None:
        if status in (401, 403):
            advice = "Check the token in the variable of data.source.token_env (or the connection devmlops_source) and its rights"
            raise SourceError(self.where, f"it refuses this caller (HTTP {status})", advice)
        if 300 <= status < 400:
            raise SourceError(self.where, f"it has moved (HTTP {status})", "Name its new address as data.source.url")
        if status != 200:
            raise SourceError(self.where, f"it refuses the request (HTTP {status})", "Correct data.source in project.yaml")

    def _take_turn(self) -> None:
        if self.spec.requests_per_s:
            now = time.monotonic()
            time.sleep(max(0.0, self._free_at - now))
            self._free_at = max(now, self._free_at) + 1 / self.spec.requests_per_s


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
