"""A process whose Ray dies: here a program of that name stands for it."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

CODE = """
import subprocess, sys, threading
from include.clients.ray_watch import RayWatch
child = subprocess.Popen([sys.argv[1], "60"])
watch = RayWatch(lambda: print("closed", flush=True))
watch.start()
print(child.pid, flush=True)
if sys.argv[2] == "waits":
    threading.Event().wait(60)
if sys.argv[2] == "ends badly":
    child.kill()
    child.wait()  # a signal takes its time
watch.stop()
child.kill()
"""


@pytest.fixture
def program(tmp_path):
    """Return a program that is named as the control service is."""
    return shutil.copy(shutil.which("sleep"), tmp_path / "gcs_server")


def start(program, how):
    return subprocess.Popen(
        [sys.executable, "-c", CODE, str(program), how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_it_ends_with_a_word_that_helps_when_ray_dies(program):
    made = start(program, "waits")
    os.kill(int(made.stdout.readline()), signal.SIGKILL)
    said, error = made.communicate(timeout=30)
    assert made.returncode == 1 and said == "closed\n"
    assert error.splitlines()[-1] == (
        "RayError: Ray's control service (gcs_server) ended in the middle, as when it was killed or memory ran out;"
        " another try goes on with what is done"
    )


@pytest.mark.parametrize(("how", "code", "says"), [("ends badly", 1, "RayError: Ray's control service"), ("ends well", 0, "")])
def test_a_block_is_not_left_as_if_all_were_well(program, how, code, says):
    made = start(program, how)
    _, error = made.communicate(timeout=30)
    assert made.returncode == code and says in error
