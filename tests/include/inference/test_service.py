"""The AP as a process, before a real Triton and a real ledger: load, switches, kills."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.inference import read

if TYPE_CHECKING:
    from tests.fixtures.inference import InferenceAP

pytestmark = pytest.mark.integration

IMAGE = [[1] * 8] * 8


class Load:
    """Callers that call all the time; keeps what they got."""

    def __init__(self, ap: InferenceAP, name: str, callers: int = 6) -> None:
        self.ap, self.name, self.callers = ap, name, callers
        self.answers: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self.seconds: list[float] = []
        self.on = True

    async def caller(self, number: int, http: httpx.AsyncClient) -> None:
        for turn in range(100_000):
            if not self.on:
                return
            body = {"request_id": f"{self.name}-{number}-{turn}", "inputs": [IMAGE] * (turn % 3 + 1)}
            begin = time.monotonic()
            try:
                response = await http.post(f"{self.ap.url}/v1/projects/digits/infer", json=body)
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
                await asyncio.sleep(0.01)
                continue
            self.seconds.append(time.monotonic() - begin)
            if response.status_code == 200:
                self.answers.append(response.json())
            else:
                self.failures.append(response.text)

    async def __aenter__(self) -> Load:
        self.http = httpx.AsyncClient(timeout=10, trust_env=False)
        self.tasks = [asyncio.create_task(self.caller(n, self.http)) for n in range(self.callers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.on = False
        await asyncio.gather(*self.tasks)
        await self.http.aclose()


def logged(ap: InferenceAP, name: str) -> Counter[str]:
    found = (record["id"] for record, _ in read(ap.settings.prediction_log, "digits"))
    return Counter(key for key in found if key.startswith(f"{name}-"))


def wait_for(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


async def test_switches_under_load_fail_nothing_and_mix_nothing(inference_ap: InferenceAP) -> None:
    releases = {inference_ap.release(label): label for label in (3, 5)}
    names = list(releases)
    inference_ap.deploy(names[0])
    took = []
    async with Load(inference_ap, "switch") as load:
        await asyncio.sleep(0.3)
        for turn in range(10):
            begin = time.monotonic()
            await asyncio.to_thread(inference_ap.deploy, names[(turn + 1) % 2])
            took.append(time.monotonic() - begin)
            await asyncio.sleep(0.1)
    assert load.failures == []
    seen = Counter(answer["release_id"] for answer in load.answers)
    assert set(seen) == set(names) and min(seen.values()) > 20
    for answer in load.answers:
        label = str(releases[answer["release_id"]])
        assert answer["model"]["version"] == label
        for prediction in answer["predictions"]:
            assert prediction["label"] == label and prediction["probabilities"][label] == pytest.approx(0.9, abs=1e-6)
    assert max(took) < 1, took
    for record, _ in read(inference_ap.settings.prediction_log, "digits"):
        assert record["labels"] == [str(releases[record["release_id"]])] * record["n"]
    assert set(logged(inference_ap, "switch").values()) == {1}
    assert len(logged(inference_ap, "switch")) == len(load.answers)


async def test_a_switch_is_seen_without_being_told(inference_ap: InferenceAP) -> None:
    release_id = inference_ap.release(6)
    inference_ap.ledger.switch("digits", "production", release_id, "deploy", "operator", "test")
    with inference_ap.client() as client:
        assert client.wait_for_release("digits", "production", release_id, 3) < 2


async def test_no_acknowledged_answer_is_lost_when_the_ap_is_killed(inference_ap: InferenceAP) -> None:
    inference_ap.deploy(inference_ap.release(4))
    async with Load(inference_ap, "kill", callers=12) as load:
        for _ in range(3):
            before = len(load.answers)
            while len(load.answers) < before + 150:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(inference_ap.restart)
    found = logged(inference_ap, "kill")
    acknowledged = [answer["request_id"] for answer in load.answers]
    assert len(acknowledged) > 450 and load.failures, "nothing was killed in the middle"
    assert [key for key in acknowledged if found[key] != 1] == []
    assert set(found.values()) == {1}
    folder = inference_ap.settings.prediction_log / "digits"
    sizes = [path.stat().st_size for path in sorted(folder.glob("predictions-*.jsonl"))]
    assert len(sizes) > 4 and max(sizes) <= 64_000 + 20_000, "segments do not roll"


async def test_a_torn_tail_is_cut_when_the_ap_starts_again(inference_ap: InferenceAP) -> None:
    inference_ap.deploy(inference_ap.release(4))
    with inference_ap.client() as client:
        client.infer("digits", [IMAGE], request_id="torn-before")
    inference_ap.kill()
    last = sorted((inference_ap.settings.prediction_log / "digits").glob("predictions-*.jsonl"))[-1]
    with last.open("ab") as file:
        file.write(b'{"id":"torn-half","labels":["')
    inference_ap.start()
    with inference_ap.client() as client:
        client.infer("digits", [IMAGE], request_id="torn-after")
    assert logged(inference_ap, "torn") == {"torn-before": 1, "torn-after": 1}
    assert last.read_bytes().endswith(b"}\n")


async def test_a_killed_model_server_comes_back_by_itself(inference_ap: InferenceAP) -> None:
    inference_ap.deploy(inference_ap.release(2))
    async with Load(inference_ap, "triton", callers=3) as load:
        await asyncio.sleep(0.3)
        await asyncio.to_thread(inference_ap.triton.kill)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(inference_ap.triton.start)
        before = len(load.answers)
        end = time.monotonic() + 10
        while len(load.answers) < before + 100:
            assert time.monotonic() < end, load.failures[-3:]
            await asyncio.sleep(0.05)
    assert load.failures == [], "a model server that is back within the time-out costs nobody an answer"
    assert {p["label"] for answer in load.answers for p in answer["predictions"]} == {"2"}


async def test_a_model_server_that_stays_away(inference_ap: InferenceAP) -> None:
    inference_ap.deploy(inference_ap.release(2))
    inference_ap.triton.kill()
    try:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            response = await http.post(f"{inference_ap.url}/v1/projects/digits/infer", json={"input": IMAGE})
            assert response.status_code == 503 and response.headers["retry-after"]
            assert response.json()["error"]["code"] == "model_server_down", response.text
            ready = await http.get(f"{inference_ap.url}/readyz")
            assert ready.status_code == 503 and "model server" in ready.json()["problems"]
    finally:
        inference_ap.triton.start()
    with inference_ap.client() as client:
        assert client.infer("digits", [IMAGE])["predictions"][0]["label"] == "2"


def test_a_release_that_was_unloaded_is_loaded_again(inference_ap: InferenceAP) -> None:
    release_id = inference_ap.release(9)
    inference_ap.deploy(release_id)
    inference_ap.models.unload(release_id)
    with inference_ap.client() as client:
        assert client.infer("digits", [IMAGE])["release_id"] == release_id


def test_the_ledger_goes_away_and_comes_back(inference_ap: InferenceAP) -> None:
    release_id = inference_ap.release(1)
    inference_ap.deploy(release_id)
    database = sqlite3.connect(inference_ap.ledger.url.removeprefix("sqlite:///"), isolation_level=None)
    with inference_ap.client() as client:
        database.execute("ALTER TABLE routes RENAME TO away")
        try:
            wait_for(lambda: "ledger" in client.ready()["problems"])
            assert client.infer("digits", [IMAGE])["release_id"] == release_id
            ready = client.ready()
            assert ready["ready"] and "stay as they were" in ready["problems"]["ledger"]
        finally:
            database.execute("ALTER TABLE away RENAME TO routes")
        wait_for(lambda: client.ready()["problems"] == {})
    database.close()


def test_raw_http(inference_ap: InferenceAP) -> None:
    host, port = inference_ap.url.removeprefix("http://").split(":")

    def talk(request: bytes) -> bytes:
        with socket.create_connection((host, int(port)), timeout=5) as peer:
            peer.sendall(request)
            return peer.recv(65536)

    start = b"POST /v1/projects/digits/infer HTTP/1.1\r\nHost: ap\r\n"
    assert b" 413 " in talk(start + b"Content-Length: 99999999999\r\n\r\n").splitlines()[0]
    assert b" 400 " in talk(start + b"Content-Length: nine\r\n\r\n").splitlines()[0]
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    assert b" 413 " in talk(start + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 9).splitlines()[0]
    for half in (start, start + b"Content-Length: 100\r\n\r\n{", b"\0\1\2\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=5) as peer:
            peer.sendall(half)
    with inference_ap.client() as client:
        assert client.ready()["in_flight"] == 0


def test_sigterm_answers_first_and_leaves_cleanly(inference_ap: InferenceAP) -> None:
    inference_ap.deploy(inference_ap.release(5))
    slow = [[14, *[1] * 7], *[[1] * 8] * 7]

    async def run() -> tuple[httpx.Response, int]:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            body = {"request_id": "slow-1", "input": slow}
            waiting = asyncio.create_task(http.post(f"{inference_ap.url}/v1/projects/digits/infer", json=body))
            await asyncio.sleep(0.3)
            code = await asyncio.to_thread(inference_ap.stop, signal.SIGTERM)
            return await waiting, code

    try:
        response, code = asyncio.run(run())
    finally:
        inference_ap.start()
    assert response.status_code == 200 and code in (0, -signal.SIGTERM)
    assert logged(inference_ap, "slow") == {"slow-1": 1}


def test_only_one_ap_writes_a_log(inference_ap: InferenceAP, free_port: Any) -> None:
    inference_ap.deploy(inference_ap.release(5))
    with inference_ap.client() as client:
        client.infer("digits", [IMAGE])
    first = inference_ap.process
    other = inference_ap.settings.model_copy(update={"inference_url": f"http://127.0.0.1:{free_port()}"})
    mine = inference_ap.settings
    try:
        inference_ap.settings = other
        inference_ap.start()
        response = httpx.post(
            f"{other.inference_url}/v1/projects/digits/infer", json={"input": IMAGE}, timeout=10, trust_env=False
        )
        inference_ap.stop()
    finally:
        inference_ap.settings, inference_ap.process = mine, first
    assert response.status_code == 503 and f"process {first.pid if first else os.getpid()} writes this log" in response.text
