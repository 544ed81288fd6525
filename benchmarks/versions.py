"""Versions: compare, restore, bundle and roll back, beside pandas on the same Parquet files; prints JSON.

``python benchmarks/versions.py --items 100000`` collects a round of so many items and one of a tenth, makes a version of
the first and one of both, and measures, each in a process of its own, with its peak memory:

* ``compare``: of the two versions; ``compare_bundle``: of the first with a bundle of as many items by filter;
* ``restore``: of the first to a folder, every content compared with its id;
* ``bundle``: the items of some classes and a sample; ``roll_back``: to the first.

A user without the product reads the same tables into pandas: a merge of keys and ids and counts of labels (compare), and
contents and lines written to a folder, nothing verified (restore). ``ratio`` is our time by pandas'.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from include import data
from include.clients.lakefs import DataRepository
from include.data import rounds
from include.projects import load_project
from include.settings import Settings
from tests.fixtures.data_server import DataServer

PROJECT = load_project("digits")
COLUMNS = ["key", "source", "item_id", "label"]


def fill(source: Path, begin: int, count: int) -> None:
    values = np.random.default_rng([1, begin]).integers(0, 17, size=(count, 64), dtype=np.uint8)
    rows = ((begin + n + 1, values[n].tobytes(), n % 10, f"2026-01-05T09:{n % 60:02d}:00+09:00") for n in range(count))
    with sqlite3.connect(source) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS scans (id INTEGER PRIMARY KEY, pixels BLOB, digit INT, scanned_at TEXT)")
        connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?)", rows)


def collect(settings: Settings, run_id: str) -> dict[str, Any]:
    ref = data.collect_round(settings, PROJECT, "dev", run_id, "bench")
    data.check_round(settings, PROJECT, ref)
    return data.tag_version(settings, PROJECT, data.merge_round(settings, PROJECT, ref), "", "bench")


def version(settings: Settings, name: str) -> dict[str, Any]:
    return data.version(settings, PROJECT, "dev", name)


def fetched(settings: Settings, folder: Path, numbers: list[int]) -> list[Path]:
    repo = DataRepository(settings, PROJECT.repositories["dev"], "dev")
    for number in numbers:
        repo.fetch("main", rounds.items_path(number), folder / f"{number}.parquet")
    return [folder / f"{number}.parquet" for number in numbers]


def compare(settings: Settings, folder: Path) -> Any:
    found = data.compare_versions(settings, PROJECT, version(settings, "v1"), version(settings, "v2"))
    return found["added"], found["removed"]


def compare_bundle(settings: Settings, folder: Path) -> Any:
    found = data.compare_versions(settings, PROJECT, version(settings, "v1"), version(settings, "v3"))
    return found["items"], found["added"], found["removed"]


def compare_pandas(settings: Settings, folder: Path) -> Any:
    import pandas as pd

    paths = fetched(settings, folder, [1, 2])
    first, second = (pd.concat([pd.read_parquet(p, columns=COLUMNS) for p in some]) for some in (paths[:1], paths))
    both = first.merge(second, how="outer", on=["source", "key"], indicator=True)
    for one in (first, second):
        one.groupby(["source", "label"]).size()
    same = both["_merge"] == "both"
    changed = (same & (both.item_id_x != both.item_id_y)).sum() + (same & (both.label_x != both.label_y)).sum()
    return int((both["_merge"] == "right_only").sum()), int((both["_merge"] == "left_only").sum()), int(changed)


def restore(settings: Settings, folder: Path) -> Any:
    return data.restore_version(settings, PROJECT, version(settings, "v1"), folder / "restored")["count"]


def restore_pandas(settings: Settings, folder: Path) -> Any:
    import pandas as pd

    (path,) = fetched(settings, folder, [1])
    found = pd.read_parquet(path)
    contents = np.frombuffer(b"".join(found.pop("content")), np.uint8).reshape(-1, 8, 8)
    np.save(folder / "contents.npy", contents)
    found.to_json(folder / "items.jsonl", orient="records", lines=True, force_ascii=False, date_format="iso")
    return len(found)


def bundle(settings: Settings, folder: Path) -> Any:
    part = {"version": "v2", "filter": {"classes": list("012345678"), "sample": {"n": version(settings, "v1")["count"] // 2}}}
    return data.make_bundle(settings, PROJECT, f"bundle {time.time()}", "bench", [part], zone="dev")["count"]


def roll_back(settings: Settings, folder: Path) -> Any:
    return data.roll_back(settings, PROJECT, "dev", "v1", f"back {time.time()}", "bench", "to measure")["version"]


WORK = {work.__name__: work for work in (compare, compare_pandas, compare_bundle, restore, restore_pandas, bundle, roll_back)}


def measured(name: str, settings: Settings) -> dict[str, Any]:
    command = [sys.executable, __file__, "--work", name]
    done = subprocess.run(command, env={**os.environ, **settings.environment()}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout))


def peak_mib() -> int:
    """Return the most memory that this process has held: VmHWM, as ru_maxrss counts that of the parent too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))


def work(name: str) -> None:
    settings = Settings()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        before = peak_mib()
        start = time.perf_counter()
        result = WORK[name](settings, Path(folder))
        seconds = round(time.perf_counter() - start, 2)
    peak = peak_mib()
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "of_imports_mib": before, "result": result}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3, help="the median counts")
    parser.add_argument("--work", choices=list(WORK), help="one piece of work, on a server that runs")
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        server = DataServer(Path(folder) / "server", port)
        try:
            source = Path(folder) / "source.db"
            settings = Settings(
                home=Path(folder),
                data_dev_url=server.url,
                data_dev_access_key=server.dev[0],
                data_dev_secret_key=server.dev[1],
                source_url=f"sqlite:///{source}",
            )
            start = time.perf_counter()
            for number, (begin, count) in enumerate([(0, options.items), (options.items, options.items // 10)], 1):
                fill(source, begin, count)
                collect(settings, f"r{number}")
            rest = options.items - options.items // 10
            parts = [{"version": "v1", "filter": {"sample": {"n": rest}}}, {"round": 2}]
            data.make_bundle(settings, PROJECT, "b", "bench", parts, zone="dev")
            found: dict[str, Any] = {"items": options.items, "prepare_s": round(time.perf_counter() - start, 2)}
            for name in WORK:
                tries = [measured(name, settings) for _ in range(options.repeats)]
                found[name] = sorted(tries, key=lambda one: one["seconds"])[len(tries) // 2]
            for name in ("compare", "restore"):
                found[f"{name}_ratio"] = round(found[name]["seconds"] / found[f"{name}_pandas"]["seconds"], 2)
        finally:
            server.stop()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
