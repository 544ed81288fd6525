"""What the jobs of the tests do."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from include.errors import FinalError


def count(settings: Any, project: Any, to: int, pause: float = 0.0) -> dict[str, Any]:
    for number in range(1, to + 1):
        print(f"{number} 번째", flush=True)
        time.sleep(pause)
    return {"to": to, "project": project.name, "home": str(settings.home)}


def until(settings: Any, project: Any, note: str) -> dict[str, Any]:
    """Go on until somebody writes a file."""
    number = 0
    while not Path(note).exists():
        number += 1
        print(f"{number} 번째", flush=True)
        time.sleep(0.1)
    return {"to": number}


def sleep(settings: Any, project: Any, note: str) -> dict[str, Any]:
    try:
        print("sleeping", flush=True)
        time.sleep(60)
    finally:
        Path(note).write_text("cleaned up")
    return {}


def stubborn(settings: Any, project: Any) -> dict[str, Any]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    time.sleep(60)
    return {}


def fail(settings: Any, project: Any) -> dict[str, Any]:
    raise RuntimeError("the disk\nis full")


class Refused(FinalError):
    pass


def refuse(settings: Any, project: Any) -> dict[str, Any]:
    raise Refused("accuracy is 0.5")


def die(settings: Any, project: Any, number: int) -> dict[str, Any]:
    os.kill(os.getpid(), number)
    time.sleep(60)
    return {}


def brood(settings: Any, project: Any, stay: bool) -> dict[str, Any]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    print(child.pid, flush=True)
    if stay:
        time.sleep(60)
    return {"child": child.pid}


def no_dict(settings: Any, project: Any) -> Any:
    return [1]


def not_json(settings: Any, project: Any) -> Any:
    return {"value": float("nan")}


def tell_environment(settings: Any, project: Any) -> dict[str, Any]:
    return {"names": sorted(os.environ), "argv": sys.orig_argv, "source": settings.source_url.get_secret_value()}


def use_ray(settings: Any, project: Any) -> dict[str, Any]:
    from include.clients.ray import local_cluster

    with local_cluster(settings, 1) as folder:
        import ray

        @ray.remote
        def work() -> int:
            time.sleep(120)
            return os.getpid()

        done = work.remote()
        time.sleep(3)
        print(f"ray {folder.parent}", flush=True)
        ray.get(done)
    return {}


def eat(settings: Any, project: Any, megabytes: int) -> dict[str, Any]:
    kept = []
    for _ in range(megabytes):
        kept.append(b"x" * 2**20)
    return {"kept": len(kept)}


def hold(settings: Any, project: Any, megabytes: int, children: int) -> dict[str, Any]:
    """Have memory in children, beside what this process has; one has a session of its own, as workers of Ray have."""
    code = f"import time; kept = b'x' * {megabytes} * 2**20; print('holds', flush=True); time.sleep(60)"
    for number in range(children):
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=number == 0)
        print(child.pid, flush=True)
    time.sleep(60)
    return {}


def share(settings: Any, project: Any, megabytes: int, children: int) -> dict[str, Any]:
    """Have memory that children have too, without a copy."""
    kept = b"x" * megabytes * 2**20
    made = []
    for _ in range(children):
        made.append(os.fork())
        if made[-1] == 0:
            time.sleep(1.5)
            os._exit(kept[-1] != ord("x"))
    return {"codes": [os.waitpid(pid, 0)[1] for pid in made]}


def long(settings: Any, project: Any, characters: int) -> dict[str, Any]:
    print("n" * characters, flush=True)
    return {"text": "가" * 15_000}


def where(settings: Any, project: Any) -> dict[str, Any]:
    from include.clients.ray import cluster

    with cluster(settings, 1) as folder:
        import ray

        told = {"address": ray.get_runtime_context().gcs_address, "gpus": ray.cluster_resources().get("GPU", 0)}
        return {**told, "folder": str(folder)}


def about(settings: Any, project: Any, libraries: list[str]) -> dict[str, Any]:
    """Tell of the process: what it holds already, who its parent is, what it is called, what it has open."""
    there = {name: name in sys.modules for name in libraries}
    import numpy
    import psutil

    me = psutil.Process()
    handles = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink() and one.exists()]
    numbers = [float(numpy.random.rand()), random.random()]
    return {"there": there, "parent": me.ppid(), "words": me.cmdline(), "open": handles, "numbers": numbers, "argv": sys.argv}
