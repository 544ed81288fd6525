"""Speed of the inference AP beside a Python gRPC client straight to Triton, in one run; prints JSON.

``python benchmarks/inference.py`` starts a real Triton, packages the digits network (random weights) as a release, starts
the AP before it with its log flushed to the disk, and measures by turns, two seconds each,

* ``direct``: ``tritonclient.grpc.aio`` to Triton;
* ``ap``: ``POST /v1/projects/digits/infer`` on one kept-alive connection (asyncio and httptools).

``paced``: ``--rate`` requests a second, begun by the clock and not by the answer before. ``back_to_back``: one caller
that asks again at once. ``callers``: answers a second with 8 callers. ``ratio`` is the AP's p50 by the direct one's;
``inside`` is the AP's own time by its metrics: model server and flush of the log.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httptools
import httpx
import numpy as np
import orjson
import uvloop

from include.projects import load_project
from tests.fixtures.inference import InferenceAP
from tests.fixtures.triton import INSTALLATION, TritonServer

TURN_S = 2.0
PATH = b"/v1/projects/digits/infer"

Ask = Callable[[], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One kept-alive HTTP connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport = cast(asyncio.Transport, transport)

    def post(self, body: bytes) -> asyncio.Future[bytes]:
        """Send a request and return the future of its answer."""
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.parser, self.body = httptools.HttpResponseParser(self), b""
        head = b"POST %b HTTP/1.1\r\nHost: ap\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (PATH, len(body))
        self.transport.write(head + body)
        return self.done

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        """Keep a part of the answer."""
        self.body += data

    def on_message_complete(self) -> None:
        """Give the whole answer to whoever waits."""
        if self.parser.get_status_code() == 200:
            self.done.set_result(self.body)
        else:
            self.done.set_exception(RuntimeError(self.body.decode()))


async def http_caller(address: str, image: np.ndarray) -> Ask:
    host, port = address.removeprefix("http://").split(":")
    free: list[Connection] = []

    async def ask() -> None:
        if free:
            connection = free.pop()
        else:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, host, int(port))
        answer = orjson.loads(await connection.post(orjson.dumps({"input": image.tolist()})))
        assert len(answer["prediction"]["probabilities"]) == 10
        free.append(connection)

    return ask


async def grpc_caller(address: str, release_id: str, image: np.ndarray) -> Ask:
    from tritonclient.grpc.aio import InferenceServerClient, InferInput

    client = InferenceServerClient(address)
    tensor = image[None].astype(np.float32)

    async def ask() -> None:
        rows = InferInput("INPUT", [1, 8, 8], "FP32")
        rows.set_data_from_numpy(tensor)
        answer = await client.infer(release_id, [rows])
        assert answer.as_numpy("PROBABILITIES").shape == (1, 10) and answer.as_numpy("LABEL").shape == (1, 1)

    return ask


async def paced(ask: Ask, rate: float, seconds: float, into: list[float]) -> None:
    async def one() -> None:
        begin = time.perf_counter()
        await ask()
        into.append(time.perf_counter() - begin)

    start, tasks = time.perf_counter(), []
    for turn in range(int(rate * seconds)):
        await asyncio.sleep(max(0, start + turn / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)


async def back_to_back(ask: Ask, seconds: float, into: list[float]) -> None:
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        await ask()
        into.append(time.perf_counter() - begin)


async def measure(ap: InferenceAP, release_id: str, rate: float, seconds: float) -> dict[str, Any]:
    image = np.random.default_rng(0).integers(0, 17, (8, 8))
    asks = {
        "direct": await grpc_caller(ap.triton.grpc, release_id, image),
        "ap": await http_caller(ap.url, image),
    }
    for ask in asks.values():
        await back_to_back(ask, 1, [])
    modes: dict[str, Callable[[Ask, list[float]], Awaitable[None]]] = {
        "paced": lambda ask, into: paced(ask, rate, TURN_S, into),
        "back_to_back": lambda ask, into: back_to_back(ask, TURN_S, into),
    }
    result: dict[str, Any] = {}
    for mode, run in modes.items():
        times: dict[str, list[float]] = {name: [] for name in asks}
        for _ in range(max(1, round(seconds / TURN_S / 2))):
            for name, ask in asks.items():
                await run(ask, times[name])
        result[mode] = {name: summary(values) for name, values in times.items()}
        result[mode]["ratio"] = round(result[mode]["ap"]["p50_ms"] / result[mode]["direct"]["p50_ms"], 2)
    for name, ask in asks.items():
        many: list[float] = []
        await asyncio.gather(*(back_to_back(ask, TURN_S, many) for _ in range(8)))
        result.setdefault("callers", {})[name] = {**summary(many), "per_s": round(len(many) / TURN_S)}
    return result


def summary(seconds: list[float]) -> dict[str, Any]:
    cuts = statistics.quantiles(seconds, n=100)
    return {"n": len(seconds), "p50_ms": ms(cuts[49]), "p90_ms": ms(cuts[89]), "p99_ms": ms(cuts[98]), "max_ms": ms(max(seconds))}


def ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def flush_ms(folder: Path) -> float:
    """Return the usual time of flushing one small write to this disk: part of every answer of the AP."""
    times = []
    with (folder / "flush").open("ab", buffering=0) as file:
        for _ in range(100):
            begin = time.perf_counter()
            file.write(b"x" * 500)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
            time.sleep(0.005)
    return ms(statistics.median(times))


def inside(url: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for line in httpx.get(f"{url}/metrics", trust_env=False).text.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("inference_") and "_seconds_" in name and "_bucket" not in name:
            values[name.split("{")[0]] = float(value)
    kinds = ("request", "model", "log")
    return {
        f"{kind}_mean_ms": ms(values[f"inference_{kind}_seconds_sum"] / values[f"inference_{kind}_seconds_count"])
        for kind in kinds
    }


def package(ap: InferenceAP) -> str:
    import torch

    from include.clients.onnx import export
    from include.release.package import build_package

    project = load_project("digits")
    torch.manual_seed(0)
    network = project.component("model")({"channels": 16, "hidden": 64, "dropout": 0.0})
    release = ap.ledger.open_release("digits", "benchmark", ["benchmark"], {"name": "digits", "version": "1"})
    path = ap.root / "model.onnx"
    export(network, project.component("preprocess")(np.zeros((2, 8, 8), np.uint8)), path)
    build_package(
        ap.triton.repository,
        project,
        release.id,
        onnx=path.read_bytes(),
        precision="fp32",
        model={"name": "digits", "version": "1"},
        reference_sketch=b"{}",
    )
    ap.models.load(release.id)
    ap.ledger.seal_release(release.id, {"benchmark": True})
    ap.deploy(release.id)
    return release.id


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=50, help="requests a second of the paced measurement")
    parser.add_argument("--seconds", type=float, default=16, help="of each measurement, both sides together")
    where = "folder of everything that is written; it should be on the disk that a log would be on"
    parser.add_argument("--folder", type=Path, default=INSTALLATION.parent, help=where)
    options = parser.parse_args()
    from include.local.triton_install import install

    install(INSTALLATION)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        ports = free_ports(4)
        root = Path(folder)
        triton = TritonServer(root, ports[:3])
        triton.start()
        ap = InferenceAP(root, triton, ports[3])
        try:
            ap.start()
            release_id = package(ap)
            result = {"rate": options.rate, "cores": os.cpu_count(), "load": os.getloadavg()[0], "flush_ms": flush_ms(root)}
            result |= uvloop.run(measure(ap, release_id, options.rate, options.seconds))
            result["inside"] = inside(ap.url)
        finally:
            if ap.process is not None:
                ap.stop()
            ap.models.close()
            triton.kill()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
