"""The demo's callers notice every failed and every mixed answer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from include.local.demo.traffic import Watcher, send

IMAGES = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8) % 17


class Answers:
    """An AP whose answers the test makes."""

    def __init__(self) -> None:
        self.make: Callable[[int, dict[str, Any]], tuple[int, dict[str, Any]]] = lambda n, body: (200, {})
        self.count = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.count += 1
                status, answer = outer.make(outer.count, body)
                raw = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def ap() -> Iterator[Answers]:
    found = Answers()
    yield found
    found.server.shutdown()
    found.server.server_close()


def answer(release: str, body: dict[str, Any]) -> dict[str, Any]:
    share = round(sum(map(sum, body["input"])) / 10_000 + (0.5 if release == "r2" else 0), 6)
    return {"release_id": release, "prediction": {"label": "1", "probabilities": {"0": share, "1": 1 - share}}}


def watch(ap: Answers, requests: int) -> Watcher:
    with Watcher(ap.url, "digits", IMAGES) as watcher:
        while ap.count < requests:
            pass
    return watcher


def test_a_clean_switch_is_neither_failed_nor_mixed(ap):
    ap.make = lambda n, body: (200, answer("r1" if n < 20 else "r2", body))
    watcher = watch(ap, 40)
    assert (watcher.failures, watcher.mixed) == ([], 0)
    assert {release for release, _ in watcher.seen} == {"r1", "r2"}


def test_a_mixed_answer_is_noticed(ap):
    def mixed(n, body):
        return 200, {**answer("r2", body), "release_id": "r1"} if n == 15 else answer("r1", body)

    ap.make = mixed
    assert watch(ap, 30).mixed == 1


def test_a_failed_answer_is_noticed(ap):
    ap.make = lambda n, body: (503, {}) if n == 5 else (200, answer("r1", body))
    assert len(watch(ap, 15).failures) == 1


def test_steady_traffic(ap):
    ap.make = lambda n, body: (500, {}) if body["request_id"] == "b" else (200, answer("r1", body))
    traffic = asyncio.run(send(ap.url, "digits", IMAGES, ["a", "b", "다"], per_second=50))
    assert set(traffic.answers) == {"a", "다"} and len(traffic.milliseconds) == 2
    assert traffic.failures == ["b: HTTP 500 {}"]
    assert traffic.accuracy({"a": "1", "다": "2"}) == 0.5
