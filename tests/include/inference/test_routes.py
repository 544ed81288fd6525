"""The snapshot of routes and how it is kept."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime

import pytest

from include.inference import routes as module
from include.inference.errors import ApiError
from include.inference.routes import RouteTable, Snapshot
from include.ledger import LedgerError, Route


def route(release_id: str, name: str = "production") -> Route:
    model = {"name": "digits", "version": "4", "run_id": "secret-to-callers"}
    return Route("digits", name, release_id, "sha256:1", model, 7, datetime(2026, 1, 1, tzinfo=UTC))


class Source:
    """Routes as a test wants them."""

    def __init__(self) -> None:
        self.routes = [route("digits-r0001")]
        self.error: Exception | None = None
        self.wait: threading.Event | None = None
        self.reads = 0

    def __call__(self) -> list[Route]:
        self.reads += 1
        found = list(self.routes)
        if self.wait is not None:
            self.wait.wait(5)
        if self.error is not None:
            raise self.error
        return found


@pytest.fixture
def source() -> Source:
    return Source()


async def test_snapshots_are_replaced_as_a_whole(source: Source) -> None:
    table = RouteTable(source)
    assert await table.refresh() is True
    before = table.snapshot
    assert before.entry("digits", "production").to_dict() == {
        "route": "production",
        "release_id": "digits-r0001",
        "model": {"name": "digits", "version": "4"},
        "since": "2026-01-01T00:00:00.000+00:00",
    }
    assert await table.refresh() is False
    source.routes = [route("digits-r0002"), route("digits-r0003", "staging")]
    assert await table.refresh() is True
    assert before.entry("digits", "production").release_id == "digits-r0001"
    assert table.snapshot.entry("digits", "production").release_id == "digits-r0002"
    assert table.snapshot.releases() == {"digits-r0002", "digits-r0003"}
    assert table.switches == 2
    with pytest.raises(TypeError):
        table.snapshot.entries["digits", "production"] = None  # type: ignore[index]
    table.close()


async def test_an_unreachable_ledger_leaves_the_routes(source: Source) -> None:
    table = RouteTable(source)
    await table.refresh()
    kept = table.snapshot
    source.error = LedgerError("database is gone\nat line 2")
    with pytest.raises(ApiError, match="database is gone") as caught:
        await table.refresh()
    assert caught.value.status == 503 and table.error == "database is gone"
    assert table.snapshot is kept
    source.error = None
    assert await table.refresh() is False
    assert table.error is None
    table.close()


async def test_a_ledger_that_hangs(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_TIMEOUT_S", 0.1)
    table = RouteTable(source)
    source.wait = threading.Event()
    for _ in range(3):
        with pytest.raises(ApiError, match="no answer"):
            await table.refresh()
    assert source.reads == 1
    source.routes = [route("digits-r0009")]
    waiting, source.wait = source.wait, None
    waiting.set()
    await table.refresh()
    assert table.snapshot.entry("digits", "production").release_id == "digits-r0009"
    table.close()


async def test_a_refresh_sees_what_was_there_when_it_was_asked(source: Source) -> None:
    table = RouteTable(source)
    first_read, source.wait = threading.Event(), threading.Event()
    first_read = source.wait
    first = asyncio.create_task(table.refresh())
    await asyncio.sleep(0.05)
    source.routes, source.wait = [route("digits-r0002")], None
    second = asyncio.create_task(table.refresh())
    await asyncio.sleep(0.05)
    first_read.set()
    await asyncio.gather(first, second)
    assert table.snapshot.entry("digits", "production").release_id == "digits-r0002"
    table.close()


async def test_many_who_ask_at_once_share_one_read(source: Source) -> None:
    table = RouteTable(source)
    begin = time.monotonic()
    await asyncio.gather(*(table.refresh(since=begin) for _ in range(20)))
    assert source.reads == 1
    await table.refresh(since=time.monotonic())
    assert source.reads == 2
    table.close()


async def test_it_looks_by_itself_and_outlives_errors(source: Source) -> None:
    table = RouteTable(source)
    source.error = RuntimeError("anything")
    task = asyncio.create_task(table.run(0.01))
    await asyncio.sleep(0.1)
    assert table.error == "anything"
    source.error = None
    end = time.monotonic() + 2
    while table.snapshot.read_at is None and time.monotonic() < end:
        await asyncio.sleep(0.01)
    assert table.snapshot.entry("digits", "production")
    task.cancel()
    table.close()


def test_what_a_missing_route_says() -> None:
    with pytest.raises(ApiError) as unread:
        Snapshot().entry("digits", "production")
    assert (unread.value.status, unread.value.code) == (503, "routes_unknown")
    with pytest.raises(ApiError) as empty:
        Snapshot(read_at=1.0).entry("digits", "staging")
    assert (empty.value.status, empty.value.code) == (503, "no_release")
    assert "deploy one first" in empty.value.what_to_do
