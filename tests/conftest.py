"""Fixtures that all tests share; servers live in tests/fixtures/, one file each."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

# Nothing on the machine that runs the tests may leak in, and nothing may phone home.
for name in [n for n in os.environ if n.startswith(("DEVMLOPS_", "AIRFLOW_", "MLFLOW_"))]:
    del os.environ[name]
os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true", RAY_USAGE_STATS_ENABLED="0", DO_NOT_TRACK="1", ORT_DISABLE_TELEMETRY="1", MPLBACKEND="Agg"
)

ROOT = Path(__file__).resolve().parents[1]
pytest_plugins = [f"tests.fixtures.{p.stem}" for p in sorted((ROOT / "tests" / "fixtures").glob("[a-z]*.py"))]
assert importlib.util.find_spec("include"), "run pytest in the checkout"


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that gives a TCP port nobody listens on."""

    def port() -> int:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return int(s.getsockname()[1])

    return port
