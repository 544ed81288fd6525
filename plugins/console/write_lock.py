"""Lets one writing request at a time into Airflow's api-server; for SQLite only.

Airflow 3.3.2 commits its log of user actions on the event loop (`airflow.api_fastapi.logging.decorators`). When
another request holds SQLite's one write lock and needs the event loop to commit, each waits for the other until
the busy timeout: the callers get 500, and scheduler, dag-processor and triggerer die of "database is locked".
"""

from __future__ import annotations

import asyncio
import contextvars

from plugins.console.asgi import App, BodyTooLarge, Disconnected, Message, Receive, Scope, Send, answer, read_body, replay

READING = ("GET", "HEAD", "OPTIONS")
WAIT_S = 120.0


class _Turn:
    """A request's hold of the lock, visible to what that request calls in this process."""

    holds = False


_turn: contextvars.ContextVar[_Turn | None] = contextvars.ContextVar("devmlops_write_turn", default=None)


class WriteLock:
    """ASGI middleware that gives every writing request its turn, in the order they came.

    A request's body is read before its turn and its answer is sent after it, so that a slow caller keeps nobody
    waiting. A request that another one makes within this process, during its turn, needs no turn of its own.

    Args:
        app: the application.
        wait_s: how long a request waits for its turn before it is answered with 503.
    """

    def __init__(self, app: App, wait_s: float = WAIT_S) -> None:
        self.app, self.wait_s = app, wait_s
        self.lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] in READING:
            return await self.app(scope, receive, send)
        current = _turn.get()
        if current is not None and current.holds:
            return await self.app(scope, receive, send)
        try:
            body = await read_body(receive)
        except Disconnected:
            return None
        except BodyTooLarge:
            return await answer(send, 413, {"detail": "The request is too large: send less at a time."})
        return await self._in_turn(scope, replay(body, receive), send)

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self.wait_s):
                await self.lock.acquire()
        except TimeoutError:
            text = f"Other writing requests took longer than {self.wait_s:.0f} s: send the same request again."
            return await answer(send, 503, {"detail": text}, {"retry-after": "5"})
        turn = _Turn()
        turn.holds = True
        reset = _turn.set(turn)
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        try:
            await self.app(scope, receive, keep)
        finally:
            turn.holds = False
            _turn.reset(reset)
            self.lock.release()
        for message in messages:
            await send(message)
        return None
