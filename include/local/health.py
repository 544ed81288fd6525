"""Whether a service really works: it answers, or its heartbeat is younger than its process."""

from __future__ import annotations

import datetime as dt
import functools
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from include.local.supervisor import Program

Check = Callable[[Program], str | None]
"""Takes how the supervisor sees a service; returns None where it is healthy, else what it waits for."""


@functools.cache
def _client() -> httpx.Client:
    # Plain HTTP on this machine: no proxy, and no time spent on loading certificates.
    return httpx.Client(timeout=10, trust_env=False, verify=False)


def _get(url: str) -> httpx.Response:
    return _client().get(url)


def answers(*urls: str) -> Check:
    """Return a check that is content when each of ``urls`` answers with a 2xx code."""

    def check(program: Program) -> str | None:
        for url in urls:
            try:
                response = _get(url)
            except httpx.ConnectError:
                return "waits for its port to open"
            except httpx.HTTPError as cause:
                return f"no answer from {url}: {type(cause).__name__}"
            if not response.is_success:
                return f"{url} answers {response.status_code}"
        return None

    return check


def accepts(path: Path) -> Check:
    """Return a check that is content when somebody listens on the socket ``path``."""

    def check(program: Program) -> str | None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asker:
                asker.connect(str(path))
        except OSError:
            return "waits for its socket to open"
        return None

    return check


def heartbeats(api_url: str, part: str, children: int = 0) -> Check:
    """Return a check of one of Airflow's servers that have no port.

    Args:
        api_url: base address of Airflow's api-server, which knows the heartbeats.
        part: ``scheduler``, ``dag_processor`` or ``triggerer``.
        children: worker processes that it must have.
    """

    def check(program: Program) -> str | None:
        try:
            state: dict[str, Any] = _get(f"{api_url}/api/v2/monitor/health").json().get(part) or {}
        except (httpx.HTTPError, ValueError):
            return "waits for the api-server"
        beat = state.get(f"latest_{part}_heartbeat")
        if not beat or dt.datetime.fromisoformat(beat).timestamp() < int(program.started_at):
            return "waits for its first heartbeat"
        if state.get("status") != "healthy":
            return f"its last heartbeat was at {beat}"
        missing = children - _workers(program.pid) if children else 0
        return f"{missing} of its {children} workers are gone" if missing > 0 else None

    return check


def _workers(pid: int) -> int:
    try:
        return sum(_is_worker(child) for child in psutil.Process(pid).children())
    except psutil.Error:
        return 0


def _is_worker(process: psutil.Process) -> bool:
    """Tell by the title that Airflow gives its workers: the scheduler has another child where it sends lineage events."""
    try:
        return " ".join(process.cmdline()).startswith("airflow worker")
    except psutil.Error:  # gone, or a zombie
        return False
