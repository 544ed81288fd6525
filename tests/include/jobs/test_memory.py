"""What processes hold, as the system tells it."""

import os
import subprocess
import sys

import pytest

from include.jobs import memory


@pytest.fixture
def child():
    """Give a process with 60 MiB that has started another one in a session of its own."""
    code = (
        "import subprocess, sys; kept = b'x' * 60 * 2**20; sleep = [sys.executable, '-c', 'import time; time.sleep(60)'];"
        "print(subprocess.Popen(sleep, start_new_session=True).pid, flush=True); sys.stdin.read()"
    )
    made = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert made.stdout is not None
    grandchild = int(made.stdout.readline())
    yield made, grandchild
    memory.end([made.pid, grandchild])
    made.communicate()


def test_a_family_is_found_wherever_it_went(child):
    made, grandchild = child
    assert memory.family(made.pid) == sorted([made.pid, grandchild])
    assert os.getpid() not in memory.family(made.pid)


def test_what_is_held_is_counted_exactly_where_it_matters(child, monkeypatch):
    made, grandchild = child
    assert 60 * 2**20 < memory.held(made.pid) < 90 * 2**20
    assert 60 * 2**20 < memory.used([made.pid, grandchild], 50 * 2**20) < 120 * 2**20
    monkeypatch.setattr(memory, "held", None)  # walking all pages is spared where that cannot change the answer
    assert memory.used([made.pid], 200 * 2**20) < 200 * 2**20


def test_who_is_gone_holds_nothing(child, monkeypatch):
    made, grandchild = child
    memory.end([made.pid, grandchild, made.pid])
    made.wait()
    assert memory.held(made.pid) == 0 and memory.used([made.pid], 0) == 0
    monkeypatch.setattr(memory, "SHARES", ("Absent:",))  # a kernel that does not divide
    assert memory.held(os.getpid()) > 2**20
