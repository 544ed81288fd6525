"""Finds and ends the processes of a platform, by the mark they carry in their environment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from include.local.places import MARK

SERVICE = "DEVMLOPS_SERVICE"


def marked(home: Path, service: str | None = None) -> list[psutil.Process]:
    """Return the living processes of the platform at ``home``, this one and its parents left out.

    Args:
        home: the platform's home folder.
        service: only what this service started.
    """
    own = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    others: list[psutil.Process] = []
    for process in psutil.process_iter():
        if _has_mark(process, home, service):
            found[process.pid] = process
        else:
            others.append(process)
    # A child may have changed its environment: whoever descends from a marked process belongs to it.
    grown = True
    while grown:
        grown = False
        for process in list(others):
            with contextlib.suppress(psutil.Error):
                if process.ppid() in found:
                    found[process.pid] = process
                    others.remove(process)
                    grown = True
    return [p for p in found.values() if p.pid not in own and _is_alive(p)]


def _has_mark(process: psutil.Process, home: Path, service: str | None) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    return environment.get(MARK) == str(home) and service in (None, environment.get(SERVICE))


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end(processes: Iterable[psutil.Process], grace_s: float = 5.0) -> int:
    """Ask ``processes`` to stop, kill those that do not, and wait until they are gone.

    Older ones come first, and so parents before their children: a task's supervisor that lives a moment longer than its
    task would tell Airflow that the task failed. Process ids say nothing of age, for they begin anew.

    Args:
        processes: what to end.
        grace_s: seconds between asking and killing; 0 kills at once.

    Returns:
        How many had to be killed.
    """
    alive = sorted(processes, key=_started)
    if grace_s > 0:
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(alive, timeout=grace_s)
    killed = len(alive)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)
    return killed


def _started(process: psutil.Process) -> float:
    try:
        return process.create_time()
    except psutil.Error:
        return 0.0


def end_all(home: Path, grace_s: float = 5.0) -> int:
    """End every process of the platform at ``home``, also those that appear meanwhile; return how many were found."""
    count = 0
    for attempt in range(10):
        processes = marked(home)
        if not processes:
            break
        count += len(processes)
        end(processes, grace_s if attempt == 0 else 0)
    return count


def listens(processes: Iterable[psutil.Process], port: int) -> bool:
    """Return whether one of ``processes`` listens on TCP ``port``."""
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return True
    return False


def memory(processes: Iterable[psutil.Process]) -> int:
    """Return the bytes that ``processes`` use, shared pages counted once (PSS)."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            info = process.memory_full_info()
            total += getattr(info, "pss", info.rss)
    return total
