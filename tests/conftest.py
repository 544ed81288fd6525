"""Fixtures that all tests share; servers live in tests/fixtures/, one file each."""

from __future__ import annotations

import functools
import gc
import importlib.util
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

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

# Servers of the session that take half a minute to start: the files that ask for one run in the same worker.
SHARED = ("airflow_platform", "label_studio")

# What takes longest begins first, so that no worker waits at the end for the other.
FIRST = (
    *SHARED,
    "tests/include/training/test_search.py",
    "tests/include/training/test_tune_killed.py",
    "tests/include/training/test_distributed.py",
    "tests/include/projects/test_learning.py",
    "tests/include/scaffold/test_kinds.py",
    "tests/include/release/test_after_switch.py",
    "tests/include/local/test_labelling.py",
    "tests/include/local/test_platform.py",
    "tests/dags/test_features.py",
    "tests/dags/test_examples.py",
)


@functools.cache
def scope(file: str) -> str:
    """Return what the tests of ``file``, a path from the root, share a worker with: a server of the session, or their file."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return next((name for name in SHARED if name in text), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(scope(item.nodeid.partition("::")[0]), len(FIRST)))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # what all tests share is not looked through again and again


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End a server of the session with the last test that asks for it: an idle Airflow takes a third of a core."""
    from tests.fixtures.platform import ENDS

    here, there = (scope(one.nodeid.partition("::")[0]) if one else "" for one in (item, nextitem))
    if here in SHARED and here != there and (end := item.session.stash.get(ENDS, {}).pop(here, None)):
        end()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class BySharedServers(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(super()._split_scope(nodeid))

    return BySharedServers(config, log)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that gives a TCP port nobody listens on."""

    def port() -> int:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return int(s.getsockname()[1])

    return port
