"""What the tests of jobs share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from include.jobs import LocalJob
from include.jobs.fork_server import SOCKET
from include.settings import ROOT, Settings
from include.sockets import socket_path
from tests.fixtures.kubernetes import wait_for


@pytest.fixture
def settings(tmp_path: Path, sample_jobs: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings under the test's folder, with jobs of `sample_jobs.py` known here and in children."""
    monkeypatch.setenv("PYTHONPATH", str(sample_jobs))
    return Settings(home=tmp_path / "home", source_url="sqlite:///secret-password")  # type: ignore[arg-type]


@pytest.fixture
def fork_server(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Callable[..., psutil.Process]]:
    """Return a function that starts the fork server of the test's home folder, with few libraries."""
    started: list[subprocess.Popen[bytes]] = []
    path = socket_path(settings.home, SOCKET)

    def start(*options: str) -> psutil.Process:
        (settings.home / "run").mkdir(parents=True, exist_ok=True)
        # What a job is given: pytest's own variable names the part of the test that runs.
        environment = LocalJob("tune", "digits", {}, settings).environment()
        environment["PYTEST_CURRENT_TEST"] = f"{request.node.nodeid} (call)"
        command = [sys.executable, "-m", "include.jobs.fork_server", "--socket", str(path)]
        command += options or ("--libraries", "numpy", "--now")
        with (settings.home / "fork_server.log").open("wb") as log:
            started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log))
        wait_for(path.exists, 60)
        return psutil.Process(started[-1].pid)

    yield start
    for server in started:
        server.terminate()
        server.wait(10)
    path.unlink(missing_ok=True)
