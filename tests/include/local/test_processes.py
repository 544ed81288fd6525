from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from include.local.places import MARK
from include.local.processes import SERVICE, end, end_all, marked, memory

SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    made: list[subprocess.Popen[str]] = []
    yield made
    for process in made:
        process.kill()
        process.wait()


def start(made: list[subprocess.Popen[str]], code: str, home: Path | None, **environment: str) -> subprocess.Popen[str]:
    mark = {MARK: str(home)} if home else {}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **mark, **environment}, stdout=subprocess.PIPE, text=True
    )
    made.append(process)
    return process


def pids(home: Path, service: str | None = None) -> set[int]:
    return {p.pid for p in marked(home, service)}


def test_a_platform_finds_its_own_and_nobody_elses(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    mine = start(started, SLEEP, tmp_path, **{SERVICE: "a"})
    start(started, SLEEP, tmp_path / "other")
    start(started, SLEEP, None)
    assert pids(tmp_path) == {mine.pid}
    assert pids(tmp_path, "a") == {mine.pid}
    assert pids(tmp_path, "b") == set()
    assert memory(marked(tmp_path)) > 2**20


def test_children_that_lost_the_mark_belong_to_it(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    code = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], env={}); "
    parent = start(started, code + "print(p.pid, flush=True); p.wait()", tmp_path)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert pids(tmp_path) == {parent.pid, child}
    end_all(tmp_path)
    assert not psutil.pid_exists(child)


def test_a_process_that_renames_itself_keeps_the_mark(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    code = "import setproctitle, time; setproctitle.setproctitle('x' * 3000); print('on', flush=True); time.sleep(60)"
    process = start(started, code, tmp_path, SPT_NOENV="1")
    assert process.stdout is not None
    process.stdout.readline()
    assert pids(tmp_path) == {process.pid}


def test_who_does_not_stop_is_killed(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    process = start(started, STUBBORN, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    begin = time.monotonic()
    assert end(marked(tmp_path), grace_s=0.3) == 1
    assert time.monotonic() - begin < 3
    assert pids(tmp_path) == set()


def test_parents_are_killed_before_their_children(tmp_path: Path, started: list[subprocess.Popen[str]], monkeypatch) -> None:
    processes = [psutil.Process(start(started, SLEEP, tmp_path).pid) for _ in range(3)]
    age = {process.pid: float(-number) for number, process in enumerate(processes)}
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: age[process.pid])
    order, kill = [], psutil.Process.kill
    monkeypatch.setattr(psutil.Process, "kill", lambda process: (order.append(process.pid), kill(process)))
    assert end(processes, grace_s=0) == 3 and order == [process.pid for process in reversed(processes)]


def test_one_never_ends_oneself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from pathlib import Path; import sys; from include.local.processes import end_all; "
        f"print(end_all(Path({str(tmp_path)!r})), flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, MARK: str(tmp_path)}, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "0\n", done.stderr
