"""Speed of the embedded data server through the official SDK, beside git, in one run; prints JSON.

``python benchmarks/data_server.py`` measures

* branch, write, commit and merge of ``--objects`` small objects;
* merge of a 10-object change in a repository of ``--large`` objects;

and the same work with ``git`` by subprocess (write the files, add, commit, merge), which is what a user without a
data server would version data with; git flushes in batches, its fastest safe way. ``ratio`` is the server's time by git's.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.fixtures.data_server import DataServer

CHANGE = 10


@contextmanager
def timed(into: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    into[name] = round(time.perf_counter() - start, 4)


def payload(i: object) -> bytes:
    return f"object {i} ".encode() * 60


def run_server(folder: Path, objects: int, large: int, threads: int) -> dict[str, Any]:
    import lakefs

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = DataServer(folder, port)
    try:
        repository = lakefs.repository("bench-dev", client=server.client()).create("local://bench-dev")
        seconds: dict[str, float] = {}
        with timed(seconds, "total"):
            with timed(seconds, "branch"):
                branch = repository.branch("many").create("main")
            with timed(seconds, "write"):
                for i in range(objects):
                    branch.object(f"small/{i:06}").upload(payload(i))
            with timed(seconds, "commit"):
                branch.commit("many small objects")
            with timed(seconds, "merge"):
                branch.merge_into("main")
        if large > objects:
            fill = repository.branch("fill").create("main")

            def upload(i: int) -> None:
                fill.object(f"large/{i % 100:02}/{i:06}").upload(payload(i), pre_sign=False)

            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(upload, range(large - objects)))
            fill.commit("fill")
            fill.merge_into("main")

        def change(run: int) -> float:
            side = repository.branch(f"side-{run}").create("main")
            branch = repository.branch(f"change-{run}").create("main")
            side.object(f"side/{run}").upload(b"so that main has moved")
            side.commit("side")
            side.merge_into("main")
            for i in range(CHANGE):
                branch.object(f"small/{i * (objects // CHANGE):06}").upload(payload(f"{run}/{i}"))
            branch.commit("ten")
            start = time.perf_counter()
            branch.merge_into("main")
            return time.perf_counter() - start

        return {"many_objects_s": seconds, "merge_small_change_s": _spread(change)}
    finally:
        server.stop()


def run_git(folder: Path, objects: int, large: int) -> dict[str, Any]:
    folder.mkdir(parents=True)

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=bench", "-c", "user.email=b@localhost", "-c", "core.fsyncMethod=batch", "-c", "gc.auto=0")
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def write(path: str, data: bytes) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    git("init", "-b", "main")
    git("commit", "--allow-empty", "-m", "first")
    seconds: dict[str, float] = {}
    with timed(seconds, "total"):
        git("checkout", "-b", "many")
        for i in range(objects):
            write(f"small/{i:06}", payload(i))
        git("add", "-A")
        git("commit", "-m", "many small objects")
        git("checkout", "main")
        git("merge", "--no-ff", "-m", "merge", "many")
    for i in range(max(0, large - objects)):
        write(f"large/{i % 100:02}/{i:06}", payload(i))
    git("add", "-A")
    git("commit", "-m", "fill")

    def change(run: int) -> float:
        git("checkout", "-b", f"change-{run}", "main")
        for i in range(CHANGE):
            write(f"small/{i * (objects // CHANGE):06}", payload(f"{run}/{i}"))
        git("add", "-A")
        git("commit", "-m", "ten")
        git("checkout", "main")
        write(f"side/{run}", b"so that main has moved")
        git("add", "-A")
        git("commit", "-m", "side")
        start = time.perf_counter()
        git("merge", "--no-ff", "-m", "merge", f"change-{run}")
        return time.perf_counter() - start

    return {"many_objects_s": seconds, "merge_small_change_s": _spread(change)}


def _spread(change: Callable[[int], float], runs: int = 5) -> dict[str, float]:
    times = [change(run) for run in range(runs)]
    return {"median": round(statistics.median(times), 4), "worst": round(max(times), 4), "runs": runs}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=4, help="of the client that fills the large repository (not measured)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = run_server(folder / "server", options.objects, options.large, options.threads)
        git = run_git(folder / "git", options.objects, options.large)
    ratio = {
        "many_objects": round(server["many_objects_s"]["total"] / git["many_objects_s"]["total"], 2),
        "merge_small_change": round(server["merge_small_change_s"]["median"] / git["merge_small_change_s"]["median"], 3),
    }
    limits = {"many_objects_s": 60, "merge_small_change_s": 1}
    met = server["many_objects_s"]["total"] <= 60 and server["merge_small_change_s"]["worst"] <= 1
    sizes = {"objects": options.objects, "large": options.large, "change": CHANGE}
    print(json.dumps({"sizes": sizes, "server": server, "git": git, "ratio": ratio, "limits": limits, "met": met}, indent=2))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
