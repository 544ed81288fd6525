"""One request as the handlers see it, and the answers they give."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response

from include.local.data_server.errors import ApiError, BadRequest
from include.local.data_server.keys import Key
from include.local.data_server.paging import LARGEST_PAGE, Page
from include.local.data_server.store import Session, Store

MOST_MESSAGE = 4000


@dataclass
class Call:
    """One authenticated request.

    Args:
        store: the data.
        key: who asks.
        params: values from the address.
        query: values behind the question mark, each name with all its values.
        headers: the request's headers.
        body: the whole body; empty for uploads, which are read as they arrive.
    """

    store: Store
    key: Key
    params: dict[str, str]
    query: dict[str, list[str]]
    headers: Headers
    body: bytes = b""
    _json: dict[str, Any] | None = field(default=None, init=False)

    def reading(self) -> AbstractContextManager[Session]:
        """Open a reading session on the repository of the address."""
        return self.store.reading(self.params["repository"], self.key.user)

    def writing(self, *, durable: bool = True) -> AbstractContextManager[Session]:
        """Open a writing session on the repository of the address."""
        return self.store.writing(self.params["repository"], self.key.user, durable=durable)

    def text(self, name: str, default: str = "") -> str:
        """Return a value of the query."""
        return self.query.get(name, [default])[0]

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no of the query.

        Raises:
            BadRequest: it is neither.
        """
        value = self.text(name, "true" if default else "false").lower()
        if value not in ("true", "false", "1", "0"):
            raise BadRequest(f"query parameter {name!r} must be true or false")
        return value in ("true", "1")

    def page(self) -> Page:
        """Return what part of a listing is asked for.

        Raises:
            BadRequest: amount is no number.
        """
        value = self.text("amount", "100")
        try:
            amount = int(value)
        except ValueError:
            raise BadRequest("query parameter 'amount' must be a number from -1 to 1000") from None
        if not 0 < amount <= LARGEST_PAGE:
            amount = LARGEST_PAGE
        return Page(self.text("prefix"), self.text("after"), self.text("delimiter"), amount)

    def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object.

        Raises:
            BadRequest: it is not.
        """
        if self._json is None:
            value = parse_json(self.body)
            if not isinstance(value, dict):
                raise BadRequest("the request body must be a JSON object")
            self._json = value
        return self._json

    def field(self, name: str, kind: type, default: Any = None) -> Any:
        """Return a field of the body, ``default`` where it is missing or null.

        Raises:
            BadRequest: it has another type.
        """
        value = self.json().get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise BadRequest(f"field {name!r} must be a {kind.__name__}")
        return value


def parse_json(body: bytes) -> Any:
    """Return what a JSON body says.

    Raises:
        BadRequest: it is no JSON, or nested too deeply.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the request body is no valid JSON: {error.msg} at byte {error.pos}") from None


def parse_query(raw: bytes) -> dict[str, list[str]]:
    """Return the values of a query string.

    Raises:
        BadRequest: it is no percent-encoded UTF-8, or has very many fields.
    """
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000):
            found.setdefault(name, []).append(value)
    except ValueError:
        raise BadRequest("query string is no percent-encoded UTF-8") from None
    return found


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the content as bytes."""
        return orjson.dumps(content)


def listing(results: list[Any], more: bool, amount: int, last: Callable[[Any], str]) -> Json:
    """Answer with one page.

    Args:
        results: the page.
        more: whether others follow.
        amount: most results that were asked for.
        last: gives a result's key, from which the next page goes on.
    """
    pagination = {
        "has_more": more,
        "next_offset": last(results[-1]) if more and results else "",
        "results": len(results),
        "max_per_page": amount,
    }
    return Json({"pagination": pagination, "results": results})


def failure(error: ApiError) -> Json:
    """Answer with an error; what the caller sent is not echoed without end."""
    return Json({"message": error.message[:MOST_MESSAGE]}, status_code=error.status, headers=error.headers)


def empty(status: int = 204) -> Response:
    """Answer without a body."""
    return Response(status_code=status)
