"""The fork server: what is its own beside what `test_local.py` asks of every job."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from include.jobs import JobFailed, JobKilled, LocalJob, job, process, run_local
from include.jobs.fork_server import COMMAND, SOCKET, differing
from include.jobs.process import Forked, Spawned
from include.jobs.spec import Spec, spec_uri
from include.management import Environment
from include.projects import load_project
from include.settings import ROOT
from include.sockets import socket_path
from tests.fixtures.jobs import gone
from tests.fixtures.kubernetes import wait_for


def about(settings: Any, *libraries: str) -> dict[str, Any]:
    return run_local("about", "digits", {"libraries": libraries}, settings, lambda line: None)


def ask(settings: Any, message: bytes, handles: int = 2) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asker:
        asker.settimeout(20)
        asker.connect(str(socket_path(settings.home, SOCKET)))
        asker.recv(4096)
        opened = [os.open(os.devnull, os.O_RDWR) for _ in range(handles)]
        socket.send_fds(asker, [message], opened)
        for handle in opened:
            os.close(handle)
        said: dict[str, Any] = json.loads(asker.recv(4096))
        return said


def test_a_job_finds_the_libraries_in_memory_and_is_else_as_if_started_by_itself(settings, sample_jobs, fork_server):
    (sample_jobs / "raises_at_import.py").write_text("raise RuntimeError('no place for a cache')")
    alone = about(settings, "numpy", "colorsys")
    server = fork_server("--libraries", "no_such_library", "raises_at_import", "numpy", "colorsys", "--now")
    forked = about(settings, "numpy", "colorsys")
    assert alone["there"] == {"numpy": False, "colorsys": False} and alone["parent"] == os.getpid()
    assert forked["there"] == {"numpy": True, "colorsys": True} and forked["parent"] == server.pid
    for key in ("argv", "open"):
        assert len(forked[key]) == len(alone[key]), key
    assert " ".join(forked["words"]).startswith(" ".join([*COMMAND, "about"])) and forked["argv"][0] == alone["argv"][0]
    log = (settings.home / "fork_server.log").read_text()
    assert "no_such_library cannot be imported" in log and "raises_at_import cannot be imported: no place" in log


@pytest.mark.integration
def test_what_it_holds_may_be_held_before_a_fork():
    """Ray reads how it logs in while it is imported, which differs by job; gRPC's threads and what CUDA began would be lost."""
    code = """
import sys
from importlib import import_module
import torch
from include.jobs.fork_server import LIBRARIES

used = []
for name in ("is_available", "device_count", "init"):
    setattr(torch.cuda, name, lambda *args, name=name: used.append(name))
for name in LIBRARIES:
    import_module(name)
print([name for name in ("ray", "grpc", "include.projects") if name in sys.modules], used)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[] []", done.stderr


def test_no_two_jobs_draw_the_same_numbers_by_chance(settings, fork_server):
    fork_server("--libraries", "numpy.random", "--now")
    one, other = about(settings)["numbers"], about(settings)["numbers"]
    assert one[0] != other[0] and one[1] != other[1]


@pytest.mark.parametrize("what", ["variable", "installation", "no server", "somebody else's", "limit of memory"])
def test_what_the_server_cannot_be_for_a_job_is_started_by_itself(settings, fork_server, monkeypatch, what):
    server = fork_server()
    if what == "variable":
        monkeypatch.setenv("SKLEARN_WORKING_MEMORY", "7")
    elif what == "installation":
        monkeypatch.setattr(process, "installation", lambda: "another")
    elif what == "somebody else's":
        monkeypatch.setattr(process, "is_own", lambda connection: False)
    elif what == "no server":
        server.kill()
        server.wait()
    limit = Environment(name="here", runtime="local", memory="4Gi" if what == "limit of memory" else None)
    limited = job(limit, "about", load_project("digits"), {"libraries": []}, settings)
    assert limited.run(lambda line: None)["parent"] == os.getpid()
    if what == "variable":
        assert "other variables: SKLEARN_WORKING_MEMORY\n" in (settings.home / "fork_server.log").read_text()


def test_variables_of_the_product_are_the_jobs_own():
    assert differing({"A": "1", "DEVMLOPS_HOME": "x"}, {"A": "1", "DEVMLOPS_ACTOR": "z"}) == []
    assert differing({"A": "1", "B": "1"}, {"A": "2", "C": "1"}) == ["A", "B", "C"]


@pytest.mark.parametrize(("name", "ends"), [("count", {"to": 20}), ("fail", JobFailed)])
def test_a_job_goes_on_when_the_server_dies(settings, fork_server, name, ends):
    """Where nobody can tell how the process ended, its result does."""
    server = fork_server()
    args = {"to": 20, "pause": 0.1} if name == "count" else {}
    job = LocalJob(name, "digits", args, settings)
    waits = Forked.wait_for_end

    def late(self: Forked) -> None:
        server.kill()
        server.wait()
        waits(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Forked, "wait_for_end", late)
        if isinstance(ends, dict):
            assert job.run(lambda line: None)["to"] == ends["to"]
        else:
            with pytest.raises(ends, match="the disk is full"):
                job.run(lambda line: None)
    assert isinstance(job.process, Forked)


def test_a_job_whose_server_died_can_still_be_killed(settings, fork_server, tmp_path):
    server = fork_server()
    job = LocalJob("sleep", "digits", {"note": str(tmp_path / "note")}, settings)

    def kill(line: str) -> None:
        if line == "sleeping":
            server.kill()
            server.wait()
            threading.Thread(target=job.kill).start()

    with pytest.raises(JobFailed):
        job.run(kill)
    assert (tmp_path / "note").read_text() == "cleaned up"
    assert job.process and gone(job.process.pid)


def test_many_at_once_hold_nothing_of_each_other_and_leave_nothing(settings, fork_server):
    server = fork_server()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: about(settings), range(16)))
    assert {one["parent"] for one in found} == {server.pid}
    assert not [name for one in found for name in one["open"] if name.startswith(("socket:", "anon_inode:"))]
    assert {len(one["open"]) for one in found} == {3}
    wait_for(lambda: not server.children(), 20)
    opened = server.num_fds()
    about(settings)
    wait_for(lambda: server.num_fds() == opened, 20)


def test_a_job_holds_nothing_of_one_that_has_ended_and_is_not_let_go_yet(settings, fork_server, tmp_path):
    server = fork_server()
    command = [*COMMAND, "count", "--spec", spec_uri(Spec("digits", {"to": 1}))]
    environment = LocalJob("count", "digits", {}, settings).environment()
    ended = process.fork(command, environment, ROOT, settings.home, tmp_path / "result")
    assert ended
    ended.wait_for_end()
    assert len(about(settings)["open"]) == 3
    assert psutil.Process(ended.pid).status() == psutil.STATUS_ZOMBIE, "its id is its own until it is let go"
    ended.reap()
    ended.stdin.close()
    ended.stdout.close()
    assert ended.returncode == 0
    wait_for(lambda: not server.children(), 10)


@pytest.mark.parametrize(
    ("message", "handles", "says"),
    [
        (b"{", 2, "Expecting property name"),
        (b"[]", 2, "indices"),
        (b"{}", 2, "'command'"),
        (json.dumps({"command": ["sh", "-c", "id"], "environment": {}, "folder": "/"}).encode(), 2, "not a job"),
        (json.dumps({"command": COMMAND, "environment": {}, "folder": "/"}).encode(), 1, "not a job"),
        (json.dumps({"command": COMMAND, "environment": [], "folder": "/"}).encode(), 2, "items|mapping|list"),
        (json.dumps({"command": [*COMMAND, 5], "environment": {"A": 1}, "folder": "/"}).encode(), 2, "other variables: A, "),
        (b"\xff\xfe\xfd", 2, "decode|Expecting value"),
    ],
)
def test_nonsense_is_refused_and_the_server_goes_on(settings, fork_server, message, handles, says):
    server = fork_server()
    assert re.search(says, ask(settings, message, handles)["refused"])
    assert about(settings)["parent"] == server.pid


def test_memory_is_given_back_after_a_while_without_jobs(settings, fork_server):
    server = fork_server("--libraries", "numpy", "--idle", "2")
    assert about(settings)["parent"] == os.getpid()  # the first one does not wait for the others' libraries
    assert about(settings)["parent"] == server.pid

    def holds() -> bool:
        return any("_multiarray_umath" in one.path for one in server.memory_maps())

    assert holds()
    wait_for(lambda: not holds(), 30)
    wait_for(lambda: about(settings)["parent"] == server.pid, 30)


def test_a_job_that_runs_longer_than_that_keeps_the_server(settings, fork_server):
    server = fork_server("--libraries", "numpy", "--idle", "1", "--now")
    assert run_local("count", "digits", {"to": 4, "pause": 1}, settings, lambda line: None)["to"] == 4
    assert server.is_running()


def test_a_server_that_is_told_to_end_takes_its_socket_with_it(settings, fork_server):
    server = fork_server()
    assert about(settings)["parent"] == server.pid and socket_path(settings.home, SOCKET).exists()
    server.terminate()
    server.wait(10)
    assert not socket_path(settings.home, SOCKET).exists()


def test_a_job_that_a_signal_ended_says_so(settings, fork_server):
    fork_server()
    job = LocalJob("die", "digits", {"number": int(signal.SIGKILL)}, settings)
    with pytest.raises(JobKilled, match="SIGKILL"):
        job.run(lambda line: None)
    assert isinstance(job.process, Forked)


def test_without_a_server_nothing_is_different(settings):
    job = LocalJob("count", "digits", {"to": 1}, settings)
    started = time.monotonic()
    job.run(lambda line: None)
    assert isinstance(job.process, Spawned) and time.monotonic() - started < 30
