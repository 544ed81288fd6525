"""From a table to a merged round, beside what a user would write without the product, in one run; prints JSON.

``python benchmarks/collection.py`` makes a SQLite table of ``--items`` small items and measures, each in a process of its
own on the embedded data server,

* ours: collect, check and merge a round, with the checks, the report and the high-water mark that a round has;
* a plain script: ``pandas.read_sql`` in chunks, one Parquet file, an upload with the lakeFS SDK, a commit and a merge; it
  checks nothing and knows nothing about what it took before.

``ratio`` is our time by the script's. Peak memory is the resident set of the process that does the work; the data
server's own is told beside it.
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.fixtures.data_server import DataServer

SIDE = 28


def fill(path: Path, items: int) -> None:
    import numpy as np

    random = np.random.default_rng(1)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE scans (id INTEGER PRIMARY KEY, pixels BLOB, digit TEXT, scanned_at TEXT)")
        for begin in range(0, items, 10_000):
            count = min(10_000, items - begin)
            values = random.integers(0, 256, (count, SIDE * SIDE), dtype=np.uint8)
            rows = ((begin + n + 1, values[n].tobytes(), str(n % 10), "2026-01-05T09:00:00+00:00") for n in range(count))
            connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?)", rows)


def project(folder: Path) -> Any:
    from include.projects import load_project

    document = {
        "name": "bench",
        "title": "Benchmark",
        "domain": "vision",
        "task": "classification",
        "classes": [str(n) for n in range(10)],
        "owner": "nobody",
        "data": {
            "source": {
                "kind": "sql",
                "table": "scans",
                "key": "id",
                "content": "pixels",
                "label": "digit",
                "taken_at": "scanned_at",
            },
            "content": {"dtype": "uint8", "shape": [SIDE, SIDE], "range": [0, 255]},
        },
        "split": {"method": "random", "ratios": {"train": 0.8, "validation": 0.1, "test": 0.1}, "seed": 1},
    }
    (folder / "bench").mkdir(exist_ok=True)
    (folder / "bench" / "project.yaml").write_text(json.dumps(document), encoding="utf-8")
    return load_project("bench", folder)


def ours(folder: Path, url: str, key: str, secret: str) -> dict[str, float]:
    from include import data
    from include.settings import Settings

    settings = Settings(
        home=folder,
        data_dev_url=url,
        data_dev_access_key=key,
        data_dev_secret_key=secret,  # type: ignore[arg-type]
        source_url=f"sqlite:///{folder / 'source.db'}",  # type: ignore[arg-type]
    )
    made, seconds = project(folder), {}
    begun = time.perf_counter()
    ref = data.collect_round(settings, made, "dev", "bench", "developer")
    seconds["collect"] = time.perf_counter() - begun
    if hasattr(data, "refine_round"):
        step = time.perf_counter()
        data.refine_round(settings, made, ref)
        seconds["refine"] = time.perf_counter() - step
    step = time.perf_counter()
    data.check_round(settings, made, ref)
    seconds["check"] = time.perf_counter() - step
    step = time.perf_counter()
    merged = data.merge_round(settings, made, ref)
    seconds["merge"] = time.perf_counter() - step
    seconds["total"] = time.perf_counter() - begun
    return {**seconds, "items": merged["count"]}


def plain(folder: Path, url: str, key: str, secret: str) -> dict[str, float]:
    import lakefs
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from lakefs.client import Client
    from sqlalchemy import create_engine

    begun = time.perf_counter()
    engine = create_engine(f"sqlite:///{folder / 'source.db'}")
    target, count, writer = folder / "items.parquet", 0, None
    for frame in pd.read_sql("SELECT id, pixels, digit, scanned_at FROM scans ORDER BY id", engine, chunksize=5000):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pq.ParquetWriter(target, table.schema, compression="zstd")
        writer.write_table(table)
        count += len(frame)
    if writer:
        writer.close()
    repository = lakefs.repository("plain-dev", client=Client(host=url, username=key, password=secret)).create(
        "local://plain-dev"
    )
    branch = repository.branch("in").create("main")
    with target.open("rb") as content:
        branch.object("items.parquet").upload(content.read(), pre_sign=False)
    branch.commit("a round")
    branch.merge_into("main")
    return {"total": time.perf_counter() - begun, "items": count}


def measured(which: str, folder: Path, server: DataServer) -> dict[str, Any]:
    name, secret = server.dev
    command = [sys.executable, __file__, "--only", which, str(folder), server.url, name, secret]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def server_peak(server: DataServer) -> float:
    assert server.process
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1, help="times that each is measured; the median counts")
    parser.add_argument("--only", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        which, folder, url, key, secret = options.only
        found = {"ours": ours, "plain": plain}[which](Path(folder), url, key, secret)
        found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({name: round(value, 3) for name, value in found.items()}))
        return
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "plain": []}
    peaks = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="bench-") as place, socket.socket() as free:
            folder = Path(place)
            fill(folder / "source.db", options.items)
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            free.close()
            server = DataServer(folder / "server", port)
            try:
                for which, found in runs.items():
                    found.append(measured(which, folder, server))
                peaks.append(server_peak(server))
            finally:
                server.stop()
    middle = {which: sorted(found, key=lambda one: one["total"])[len(found) // 2] for which, found in runs.items()}
    ratio = round(middle["ours"]["total"] / middle["plain"]["total"], 2)
    print(json.dumps({"items": options.items, **middle, "ratio": ratio, "data_server_peak_mib": max(peaks)}, indent=2))


if __name__ == "__main__":
    main()
