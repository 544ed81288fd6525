from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from plugins.console.asgi import App, Message, Receive, Scope, Send, answer, read_body
from plugins.console.write_lock import WriteLock


class Busy:
    """An application that takes a while and notices when it is entered twice."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds, self.inside, self.most, self.order = seconds, 0, 0, []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.order.append(scope["path"])
        body = await read_body(receive)
        await asyncio.sleep(self.seconds)
        self.inside -= 1
        await answer(send, 200, {"body": body.decode()})


def client(app: App) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", timeout=10)


async def test_writing_requests_take_turns_in_their_order() -> None:
    busy = Busy()
    async with client(WriteLock(busy)) as http:
        answers = await asyncio.gather(*(http.request(m, f"/{i}", content=f"{i}") for i, m in enumerate(["POST", "PATCH"] * 10)))
    assert busy.most == 1
    assert [a.json()["body"] for a in answers] == [str(i) for i in range(20)]
    assert busy.order == [f"/{i}" for i in range(20)]


async def test_without_it_they_do_not() -> None:
    busy = Busy()
    async with client(busy) as http:
        await asyncio.gather(*(http.post("/") for _ in range(5)))
    assert busy.most == 5


async def test_reading_requests_never_wait() -> None:
    busy = Busy(0.2)
    async with client(WriteLock(busy)) as http:
        await asyncio.gather(http.post("/w"), *(http.get("/r") for _ in range(5)))
    assert busy.most == 6


async def test_a_request_made_by_another_one_needs_no_turn_of_its_own() -> None:
    lock: WriteLock

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/outer":
            async with client(lock) as http:
                inner = await http.post("/inner")
            await answer(send, inner.status_code, {})
        else:
            await answer(send, 201, {})

    lock = WriteLock(outer, wait_s=1)
    async with client(lock) as http:
        assert (await http.post("/outer")).status_code == 201


async def test_work_that_outlives_its_request_takes_a_turn_again() -> None:
    busy, later = Busy(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/first":

            async def after() -> int:
                await asyncio.sleep(0.05)
                async with client(lock) as http:
                    return (await http.post("/late")).status_code

            later.append(asyncio.create_task(after()))
            await answer(send, 200, {})
        else:
            await busy(scope, receive, send)

    lock = WriteLock(app)
    async with client(lock) as http:
        await http.post("/first")
        await asyncio.gather(later[0], *(http.post("/other") for _ in range(5)))
    assert busy.most == 1


async def test_an_error_gives_the_turn_back() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("no")

    lock = WriteLock(app)
    async with client(lock) as http:
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                await http.post("/")
    assert not lock.lock.locked()


async def test_who_waits_too_long_is_told_to_come_back() -> None:
    async with client(WriteLock(Busy(0.5), wait_s=0.05)) as http:
        first, second = await asyncio.gather(http.post("/a"), http.post("/b"))
    assert first.status_code == 200
    assert second.status_code == 503
    assert second.headers["retry-after"]


def scope(path: str = "/") -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}


async def test_a_caller_that_sends_slowly_keeps_nobody_waiting() -> None:
    busy, never = Busy(), asyncio.Event()
    lock = WriteLock(busy)

    async def stalls() -> Message:
        await never.wait()
        return {"type": "http.disconnect"}

    async def drop(message: Message) -> None:
        return None

    slow = asyncio.create_task(lock(scope(), stalls, drop))
    await asyncio.sleep(0.01)
    async with client(lock) as http:
        assert (await http.post("/fast")).status_code == 200
    never.set()
    await slow
    assert busy.order == ["/fast"]


async def test_a_caller_that_reads_slowly_keeps_nobody_waiting() -> None:
    lock, never = WriteLock(Busy()), asyncio.Event()

    async def body() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def stalls(message: Message) -> None:
        await never.wait()

    slow = asyncio.create_task(lock(scope(), body, stalls))
    await asyncio.sleep(0.1)
    async with client(lock) as http:
        assert (await http.post("/fast")).status_code == 200
    never.set()
    await slow


async def test_a_body_beyond_all_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.console.asgi.MAX_BODY", 10)
    monkeypatch.setattr("plugins.console.asgi.read_body.__defaults__", (10,))
    async with client(WriteLock(Busy())) as http:
        assert (await http.post("/", content=b"x" * 11)).status_code == 413
        assert (await http.post("/", content=b"x" * 10)).status_code == 200
