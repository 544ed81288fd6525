"""The short path: what it takes, and that everything else is given back to grpcio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from include.inference import wire as module
from include.inference.wire import Wire, WireUnfit

OK = module.STATUS_OK
frame = module._frame


class Peer:
    """An HTTP/2 server that does to each call what a test says."""

    def __init__(self) -> None:
        self.address = ""
        self.frames: list[tuple[int, int, int, bytes]] = []
        self.answer: Callable[[int, bytes], bytes | None] = lambda number, message: good(number, b"re:" + message)
        self.settings = b""
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        assert await reader.readexactly(len(module.PREFACE)) == module.PREFACE
        writer.write(frame(module.SETTINGS, 0, 0, self.settings))
        try:
            while True:
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                kind, flags, number = head[3], head[4], int.from_bytes(head[5:9], "big")
                self.frames.append((kind, flags, number, payload))
                if kind == module.DATA:
                    answer = self.answer(number, payload[5:])
                    if answer is None:
                        continue
                    for at in range(0, len(answer), 7):  # in small pieces
                        writer.write(answer[at : at + 7])
                        await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def kinds(self) -> list[int]:
        return [kind for kind, *_ in self.frames]


def good(number: int, message: bytes, status: bytes = OK) -> bytes:
    data = b"\0" + len(message).to_bytes(4, "big") + message
    first = frame(module.HEADERS, module.END_HEADERS, number, b"\x88")
    parts = [frame(module.DATA, 0, number, data[:4]), frame(module.DATA, 0, number, data[4:])]
    return first + b"".join(parts) + frame(module.HEADERS, module.END_HEADERS | module.END_STREAM, number, b"@" + status)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield peer
    server.close()
    for writer in peer.writers:
        writer.close()


async def connected(peer: Peer) -> Wire:
    wire = Wire(peer.address, "/inference.GRPCInferenceService/ModelInfer")
    await usable(wire)
    return wire


async def usable(wire: Wire) -> None:
    end = time.monotonic() + 3
    while wire._connection is None or not wire._connection.usable:
        assert time.monotonic() < end
        if wire._connecting is None:
            wire._connect_soon()
        await asyncio.sleep(0.01)


async def test_many_calls_at_once(peer: Peer) -> None:
    wire = await connected(peer)
    answers = await asyncio.gather(*(wire.call(b"%d" % n, 2) for n in range(50)))
    assert answers == [b"re:%d" % n for n in range(50)]
    assert wire._connection is not None and wire._connection._streams == {}
    assert (module.SETTINGS, module.ACK, 0, b"") in peer.frames
    wire.close()


def test_in_uvloop() -> None:
    async def run() -> None:
        peer = Peer()
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        peer.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        wire = await connected(peer)
        assert await wire.call(b"x", 2) == b"re:x"
        wire.close()
        server.close()

    uvloop.run(run())


async def test_before_it_is_connected_and_without_a_server(peer: Peer) -> None:
    wire = Wire(peer.address, "/a/b")
    with pytest.raises(WireUnfit, match="not connected"):
        await wire.call(b"x", 1)
    await usable(wire)
    assert await wire.call(b"x", 1) == b"re:x"
    wire.close()
    nobody = Wire("127.0.0.1:1", "/a/b")
    for _ in range(3):
        with pytest.raises(WireUnfit):
            await nobody.call(b"x", 1)
        await asyncio.sleep(0.01)
    nobody.close()


UNREADABLE = {
    "error status": lambda n: good(n, b"x", b"\x0bgrpc-status\x0214"),
    "status in another coding": lambda n: good(n, b"x", b"\x88\x9a\xca\xc8"),
    "no message": lambda n: frame(1, 5, n, b"@" + OK),
    "compressed message": lambda n: frame(0, 0, n, b"\1\0\0\0\1x") + frame(1, 5, n, b"@" + OK),
    "shorter than it says": lambda n: frame(0, 0, n, b"\0\0\0\0\5x") + frame(1, 5, n, b"@" + OK),
    "two messages": lambda n: frame(0, 0, n, b"\0\0\0\0\1x" * 2) + frame(1, 5, n, b"@" + OK),
    "end without a status": lambda n: frame(0, 1, n, b"\0\0\0\0\1x"),
    "reset": lambda n: frame(3, 0, n, b"\0\0\0\7"),
    "going away": lambda n: frame(7, 0, 0, b"\0\0\0\0\0\0\0\0"),
    "frame too large": lambda n: b"\xff\xff\xff\0\0" + n.to_bytes(4, "big"),
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_it_gives_back(peer: Peer, answer: Callable[[int], bytes]) -> None:
    wire = await connected(peer)
    usual = peer.answer
    peer.answer = lambda number, message: answer(number)
    with pytest.raises(WireUnfit):
        await wire.call(b"x", 2)
    peer.answer = usual
    await usable(wire)
    assert await wire.call(b"y", 2) == b"re:y"
    wire.close()


async def test_padding_priority_continuation_ping_and_unknown_frames(peer: Peer) -> None:
    wire = await connected(peer)

    def odd(number: int, message: bytes) -> bytes:
        status = b"@" + OK
        return b"".join(
            [
                frame(module.PING, 0, 0, b"12345678"),
                frame(0x7E, 0, 0, b"unknown"),
                frame(module.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
                frame(module.HEADERS, module.END_HEADERS | module.PADDED | module.PRIORITY, number, b"\2\0\0\0\0\0\x88\0\0"),
                frame(module.DATA, module.PADDED, number, b"\3\0\0\0\0\1z\0\0\0"),
                frame(module.HEADERS, module.END_STREAM, number, status[:3]),
                frame(module.CONTINUATION, module.END_HEADERS, number, status[3:]),
            ]
        )

    peer.answer = odd
    assert await wire.call(b"x", 2) == b"z"
    await asyncio.sleep(0.05)
    assert (module.PING, module.ACK, 0, b"12345678") in peer.frames
    wire.close()


async def test_no_answer_in_time(peer: Peer) -> None:
    wire = await connected(peer)
    usual, peer.answer = peer.answer, lambda number, message: None
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        await wire.call(b"x", 0.1)
    assert 0.05 < time.monotonic() - begin < 1
    await asyncio.sleep(0.05)
    assert module.RST_STREAM in peer.kinds()
    peer.answer = usual
    await usable(wire)  # silence on the whole connection: a new one is made
    assert await wire.call(b"y", 1) == b"re:y"
    assert len(peer.writers) == 2
    wire.close()


async def test_a_caller_that_goes_away_stops_the_call(peer: Peer) -> None:
    wire = await connected(peer)
    usual, peer.answer = peer.answer, lambda number, message: None
    task = asyncio.create_task(wire.call(b"x", 5))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.05)
    assert module.RST_STREAM in peer.kinds()
    peer.answer = usual
    assert await wire.call(b"y", 1) == b"re:y"
    wire.close()


async def test_a_broken_connection(peer: Peer) -> None:
    wire = await connected(peer)
    peer.answer = lambda number, message: peer.writers[-1].close()
    with pytest.raises(WireUnfit, match="broke"):
        await wire.call(b"x", 2)
    wire.close()


async def test_limits_of_the_peer(peer: Peer) -> None:
    peer.settings = b"\0\3\0\0\0\2" + b"\0\4" + (60).to_bytes(4, "big")  # two calls at once, 60 bytes a call
    wire = await connected(peer)
    with pytest.raises(WireUnfit, match="too large"):
        await wire.call(b"x" * 56, 1)
    peer.answer = lambda number, message: None
    slow = [asyncio.create_task(wire.call(b"x", 0.3)) for _ in range(2)]
    await asyncio.sleep(0.05)
    with pytest.raises(WireUnfit, match="too many"):
        await wire.call(b"x", 1)
    await asyncio.gather(*slow, return_exceptions=True)
    wire.close()


async def test_the_window_of_the_connection_runs_out_and_grows(peer: Peer) -> None:
    wire = await connected(peer)
    message = b"m" * 16000
    for _ in range(4):
        await wire.call(message, 1)
    with pytest.raises(WireUnfit, match="too large"):
        await wire.call(message, 1)
    peer.writers[-1].write(frame(module.WINDOW_UPDATE, 0, 0, (100_000).to_bytes(4, "big")))
    await asyncio.sleep(0.05)
    assert await wire.call(message, 1) == b"re:" + message
    wire.close()


async def test_stream_numbers_run_out(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = await connected(peer)
    monkeypatch.setattr(module, "LAST_STREAM", 6)
    for _ in range(3):
        await usable(wire)
        assert await wire.call(b"x", 1) == b"re:x"
    old = wire._connection
    with pytest.raises(WireUnfit):
        await wire.call(b"x", 1)
    await usable(wire)
    assert await wire.call(b"x", 1) == b"re:x"
    assert len(peer.writers) == 2 and old is not None and old._transport.is_closing()
    wire.close()


async def test_a_connection_that_is_replaced_answers_what_it_has(peer: Peer) -> None:
    wire = await connected(peer)
    peer.answer = lambda number, message: None
    waiting = asyncio.create_task(wire.call(b"x", 2))
    await asyncio.sleep(0.05)
    old = wire._connection
    assert old is not None
    old.usable = False
    await usable(wire)
    assert wire._connection is not old and not old._transport.is_closing()
    peer.writers[0].write(good(1, b"late"))
    assert await waiting == b"late"
    assert old._transport.is_closing()
    wire.close()
