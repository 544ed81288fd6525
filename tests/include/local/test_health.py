"""A service is healthy when all that it is asked answers, and says what it waits for otherwise."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from include.local import health

PROGRAM: Any = None  # a check of addresses does not look at the process
URLS = ("http://127.0.0.1:1/health", "http://127.0.0.1:1/tasks/health")


@pytest.mark.parametrize(
    ("second", "told"),
    [(200, None), (503, "http://127.0.0.1:1/tasks/health answers 503"), (None, "no answer from http://127.0.0.1:1/tasks/health")],
)
def test_every_address_must_answer(monkeypatch: pytest.MonkeyPatch, second: int | None, told: str | None) -> None:
    def get(url: str) -> httpx.Response:
        if url == URLS[1] and second is None:
            raise httpx.ReadTimeout("still building")
        return httpx.Response(200 if url == URLS[0] else second or 0)

    monkeypatch.setattr(health, "_get", get)
    said = health.answers(*URLS)(PROGRAM)
    assert said is told if told is None else said is not None and said.startswith(told)


def test_a_socket_is_healthy_when_somebody_listens(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    check = health.accepts(path)
    assert check(PROGRAM) == "waits for its socket to open"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        assert check(PROGRAM) == "waits for its socket to open"
        listener.listen()
        assert check(PROGRAM) is None
    assert check(PROGRAM) == "waits for its socket to open"


def test_the_api_server_is_asked_for_the_api_of_tasks_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from include.local.platform import Platform

    asked: list[str] = []

    def get(url: str) -> httpx.Response:
        asked.append(url)
        return httpx.Response(200)

    monkeypatch.setattr(health, "_get", get)
    monkeypatch.setattr("include.local.services._triton", lambda *a: (["tritonserver"], {}))
    platform = Platform(tmp_path / "home")
    platform.places.make()
    assert platform.services["api-server"].check(PROGRAM) is None
    assert [url.split("/", 3)[3] for url in asked] == ["api/v2/monitor/health", "execution/health"]


def test_of_the_scheduler_s_children_the_workers_alone_count() -> None:
    titles = ("airflow worker -- LocalExecutor: <idle>", "airflow worker -- LocalExecutor: a task", "what sends lineage events")
    code = f"""
import os, sys, time
from setproctitle import setproctitle
for title in {titles}:
    if not os.fork():
        setproctitle(title)
        os.write(1, b"ready\\n")
        time.sleep(60)
        os._exit(0)
sys.stdin.read()
"""
    scheduler = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    family = psutil.Process(scheduler.pid)
    try:
        assert scheduler.stdout is not None and [scheduler.stdout.readline() for _ in titles] == ["ready\n"] * 3
        assert health._workers(scheduler.pid) == 2
        family.children()[0].kill()
        while health._workers(scheduler.pid) == 2:
            pass
        assert health._workers(scheduler.pid) == 1
    finally:
        for one in [*family.children(), family]:
            one.kill()
        scheduler.wait()
