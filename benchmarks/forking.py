"""What a job on this machine costs before it does anything; prints JSON.

``python benchmarks/forking.py`` runs a job that imports what training imports, ``--runs`` times as a process of its own and
as often from the fork server, in turns. ``seconds`` are from asking to the result, ``processor`` what the job's process
took; ``ratio`` is the first over the second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from include.jobs import LocalJob
from include.jobs.fork_server import SOCKET
from include.jobs.registry import JOBS, Job
from include.settings import ROOT, Settings
from include.sockets import socket_path

JOB = """import time

def ready(settings, project):
    import include.training, lakefs, mlflow, sklearn.ensemble, skops.io, torch
    return {"processor": time.process_time()}
"""
SITE = """import sys
if any(word.startswith("include.jobs") for word in sys.orig_argv):
    from include.jobs.registry import JOBS, Job
    JOBS["ready"] = Job("ready_job:ready", "for this benchmark")
"""


def once(settings: Settings) -> tuple[float, float]:
    begun = time.perf_counter()
    result = LocalJob("ready", "digits", {}, settings).run(lambda line: None)
    return time.perf_counter() - begun, result["processor"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    JOBS["ready"] = Job("ready_job:ready", "for this benchmark")
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        site.mkdir()
        (site / "ready_job.py").write_text(JOB)
        (site / "sitecustomize.py").write_text(SITE)
        os.environ["PYTHONPATH"] = str(site)
        plain, served = Settings(home=Path(folder, "plain")), Settings(home=Path(folder, "served"))
        path = socket_path(served.home, SOCKET)
        Path(folder, "served", "run").mkdir(parents=True)
        command = [sys.executable, "-m", "include.jobs.fork_server", "--socket", str(path), "--now"]
        begun = time.perf_counter()
        server = subprocess.Popen(command, cwd=ROOT, env=LocalJob("ready", "digits", {}, served).environment())
        try:
            while not path.exists():
                time.sleep(0.1)
            imported_s, held = time.perf_counter() - begun, psutil.Process(server.pid).memory_info().rss
            took: dict[str, list[tuple[float, float]]] = {"own process": [], "forked": []}
            for _ in range(runs):
                took["own process"].append(once(plain))
                took["forked"].append(once(served))
        finally:
            server.terminate()
            server.wait()
    rows: dict[str, Any] = {}
    for name, times in took.items():
        seconds, processor = (statistics.median(column) for column in zip(*times, strict=True))
        rows[name] = {"seconds": round(seconds, 2), "processor": round(processor, 2)}
    ratio = {key: round(rows["own process"][key] / rows["forked"][key], 1) for key in ("seconds", "processor")}
    about = {"runs": runs, "load": os.getloadavg(), "cores": os.cpu_count()}
    server_is = {"imports_s": round(imported_s, 1), "holds_mb": held >> 20}
    print(json.dumps({**about, "server": server_is, **rows, "ratio": ratio}, indent=1))


if __name__ == "__main__":
    main()
