"""What the request checks share: reading a request's body and handing it on."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 64 * 2**20


class BodyTooLarge(Exception):
    """A request's body is larger than it may be."""


class Disconnected(Exception):
    """The caller went away before its request was whole."""


async def read_body(receive: Receive, limit: int = MAX_BODY) -> bytes:
    """Return the whole body of a request.

    Args:
        receive: the server's source of the request's messages.
        limit: bytes that a body may have.

    Raises:
        BodyTooLarge: it has more.
        Disconnected: the caller is gone.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a source of messages that gives ``body`` first and then what ``receive`` gives."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def answer(send: Send, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
    """Send ``content`` as a JSON answer."""
    body = json.dumps(content, ensure_ascii=False).encode()
    fields = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def path_of(scope: Scope) -> str:
    """Return the request's path below the one that the server is mounted at."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
