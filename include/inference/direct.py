"""The shortest way from ASGI to the service and back, for the routes that callers use all the time.

FastAPI's handling of arguments and answers would cost more than the work; `openapi` describes these routes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from include.inference.errors import ApiError, too_large

Action = Callable[[Any, dict[str, str], bytes], Awaitable[dict[str, Any]]]


class Endpoint:
    """Reads the body, calls ``action(service, path_parameters, body)`` and sends what it returns as JSON.

    Of GET it gives the address's query for a body.

    Args:
        action: does the work; an `ApiError` from it is sent as such.
        limit: most bytes of a body.
    """

    def __init__(self, action: Action, limit: int) -> None:
        self._action, self._limit = action, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        service, names = scope["app"].state.service, scope["path_params"]
        try:
            asks = scope["method"] in ("GET", "HEAD")
            body = scope["query_string"] if asks else await read_body(scope, receive, self._limit)
            if body is None:
                return
            answer = await self._action(service, names, body)
        except ApiError as error:
            service.refused(names, error.status)
            await send_bytes(send, error.status, error.body(), error.headers())
            return
        await send_bytes(send, 200, orjson.dumps(answer), {"content-type": "application/json"})


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """Return a request's body, None where the caller went away.

    Args:
        scope: ASGI scope.
        receive: ASGI receive.
        limit: most bytes; counted as they come, so a body that tells no length is stopped too.

    Raises:
        ApiError: 413: the body is larger.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > limit:
            raise _over(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body = message.get("body", b"")
    else:
        parts = bytearray()
        while message["type"] == "http.request":
            parts += message.get("body", b"")
            if len(parts) > limit:
                raise _over(limit)
            if not message.get("more_body"):
                break
            message = await receive()
        else:
            return None
        body = bytes(parts)
    if len(body) > limit:
        raise _over(limit)
    return body


async def send_bytes(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Send one whole answer."""
    fields = {**headers, "content-length": str(len(body))}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _over(limit: int) -> ApiError:
    return too_large(
        f"the body is larger than {limit} bytes", "send fewer rows a request; more belongs in batch inference", "body"
    )
