"""Speed of feature lookups through the inference AP, and of the point-in-time join beside plain pandas; prints JSON.

``python benchmarks/features.py`` brings ``--entities`` entities with ten features online (``online_s``: the one
transaction), starts the AP as a process, and asks it over HTTP on kept-alive connections:

* ``one``: GET of one entity, ``--rate`` requests a second, begun by the clock and not by the answer before;
* ``hundred``: POST of 100 entities, a tenth as often;
* ``while_writing``: as ``one``, while all values are written anew again and again.

``join``: `as_of` of ``--rows`` entities with as many feature rows, beside merging on the key, filtering by time and
taking the last (``naive``), in one run; ``ratio`` is naive by ours. ``--ledger`` takes another database than SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httptools
import httpx
import numpy as np
import orjson
import pandas as pd  # noqa: TID253
import uvloop
import yaml

from benchmarks.inference import Ask, Connection, free_ports, paced, summary
from include.data.features.join import as_of
from include.ledger import Ledger
from include.projects.feature_views import Feature, FeatureView
from include.settings import ROOT, Settings

FEATURES = [f"f{n}" for n in range(10)]
PATH = "/v1/projects/shop/features/spent"
VIEW = {
    "entity": "customer",
    "keys": {"customer": "text"},
    "timestamp": "at",
    "features": {name: {"type": "number"} for name in FEATURES},
    "transform": "features:f",
}
PROJECT = {
    "name": "shop",
    "title": "Shop",
    "domain": "tabular",
    "task": "regression",
    "owner": "benchmark",
    "data": {
        "source": {"kind": "files", "url": "in", "format": "jsonl", "key": "id"},
        "content": {"kind": "table", "columns": {"customer": {"type": "text"}}},
    },
    "split": {"method": "random", "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}},
    "feature_views": {"spent": VIEW},
}


def name(number: int) -> str:
    return f"고객-{number:06d}"


def put(ledger: Ledger, entities: int, version: int) -> float:
    values = np.random.default_rng(version).normal(size=(entities, 10)).tolist()
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=version)
    rows = [(f'["{name(n)}"]', dict(zip(FEATURES, row, strict=True)), at) for n, row in enumerate(values)]
    begin = time.perf_counter()
    ledger.put_features("shop", "spent", "d1", f"v{version}", {"path": f"v{version}"}, rows, "benchmark")
    return time.perf_counter() - begin


def request(method: str, path: str, body: bytes = b"") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: ap\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def caller(port: int, entities: int, many: int) -> Ask:
    random, free = np.random.default_rng(7), list[Connection]()

    async def ask() -> None:
        if free:
            connection = free.pop()
        else:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
        chosen = [name(int(n)) for n in random.integers(0, entities, many)]
        if many == 1:
            sent = request("GET", f"{PATH}?customer={quote(chosen[0])}")
        else:
            sent = request("POST", PATH, orjson.dumps({"entities": [{"customer": one} for one in chosen]}))
        connection.done = asyncio.get_running_loop().create_future()
        connection.parser, connection.body = httptools.HttpResponseParser(connection), b""
        connection.transport.write(sent)
        answer = orjson.loads(await connection.done)
        found = answer["entities"] if many > 1 else [answer]
        assert [one["entity"]["customer"] for one in found] == chosen and all(len(one["features"]) == 10 for one in found)
        free.append(connection)

    return ask


async def lookups(port: int, ledger: Ledger, entities: int, rate: float, seconds: float) -> dict[str, Any]:
    result: dict[str, Any] = {}
    one, hundred = await caller(port, entities, 1), await caller(port, entities, 100)
    for ask in (one, hundred):
        await paced(ask, 20, 1, [])
    for mode, ask, speed in (("one", one, rate), ("hundred", hundred, rate / 10)):
        times: list[float] = []
        await paced(ask, speed, seconds, times)
        result[mode] = summary(times)
    stop, writes, times = threading.Event(), list[float](), list[float]()
    thread = threading.Thread(target=write_on, args=(ledger, entities, stop, writes))
    thread.start()
    try:
        await paced(one, rate, seconds, times)
    finally:
        stop.set()
        await asyncio.to_thread(thread.join)
    return {**result, "while_writing": {**summary(times), "writes": len(writes)}}


def write_on(ledger: Ledger, entities: int, stop: threading.Event, into: list[float]) -> None:
    script = (
        "import sys; from benchmarks.features import Ledger, put; put(Ledger(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))"
    )
    while not stop.is_set():
        begin = time.perf_counter()
        version = str(len(into) + 2)
        subprocess.run([sys.executable, "-c", script, ledger.url, str(entities), version], check=True, cwd=ROOT)
        into.append(time.perf_counter() - begin)


def served(folder: Path, url: str, entities: int, rate: float, seconds: float) -> dict[str, Any]:
    (folder / "projects" / "shop").mkdir(parents=True)
    (folder / "projects" / "shop" / "project.yaml").write_text(yaml.safe_dump(PROJECT), encoding="utf-8")
    (port,) = free_ports(1)
    settings = Settings(
        home=folder,
        projects_dir=folder / "projects",
        prediction_log=folder / "log",
        inference_url=f"http://127.0.0.1:{port}",
        ledger_url=url,  # type: ignore[arg-type]
    )
    ledger = Ledger(settings.ledger())
    ledger.migrate()
    online_s = put(ledger, entities, 1)
    environment = {**os.environ, **settings.environment()}
    with (folder / "ap.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "include.inference"], env=environment, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait(settings.inference_url, process)
        return {"online_s": round(online_s, 2), **uvloop.run(lookups(port, ledger, entities, rate, seconds))}
    finally:
        process.terminate()
        process.wait(30)


def wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        try:
            httpx.get(f"{url}/healthz", timeout=1, trust_env=False)
            return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise SystemExit("no answer from the AP")


def join(rows: int) -> dict[str, Any]:
    random = np.random.default_rng(0)
    start, names = pd.Timestamp("2026-01-01", tz="UTC"), np.array([name(n) for n in range(rows // 20)])

    def made(at: str) -> pd.DataFrame:
        times = (start + pd.to_timedelta(random.integers(0, 90 * 86_400, rows), "s")).as_unit("us")
        return pd.DataFrame({"customer": random.choice(names, rows), at: times})

    known = made("at").sort_values("at", kind="stable", ignore_index=True)
    known = known.assign(**{feature: random.normal(size=rows) for feature in FEATURES})
    asked = made("event_timestamp")
    features: Any = {feature: Feature(type="number") for feature in FEATURES}
    view = FeatureView(entity="customer", keys={"customer": "text"}, timestamp="at", features=features, transform="m:f")
    begin = time.perf_counter()
    ours = as_of(asked, asked["event_timestamp"], view, known)
    middle = time.perf_counter()
    theirs = naive(asked, known)
    end = time.perf_counter()
    pd.testing.assert_frame_equal(ours, theirs, check_names=False)
    spent, slow = middle - begin, end - middle
    return {"rows": rows, "ours_s": round(spent, 3), "naive_s": round(slow, 3), "ratio": round(slow / spent, 1)}


def naive(asked: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    both = asked.reset_index().merge(known, on="customer", how="left")
    both = both[both["at"] <= both["event_timestamp"]].sort_values("at", kind="stable")
    return both.groupby("index")[FEATURES].last().reindex(asked.index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--rows", type=int, default=100_000, help="of each side of the join")
    parser.add_argument("--ledger", default="", help="SQLAlchemy URL of an empty database; SQLite where not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = {"entities": options.entities, "rate": options.rate, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
        result |= served(Path(folder), options.ledger, options.entities, options.rate, options.seconds)
        result["join"] = join(options.rows)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
