"""The plugin as Airflow loads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.platform import RunningPlatform

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins")}
    env["AIRFLOW__CORE__DAGS_FOLDER"] = str(ROOT / "dags")
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_other_processes_load_nothing_of_the_console() -> None:
    code = (
        "import sys; from airflow import plugins_manager as m; m.ensure_plugins_loaded(); "
        "print([p.name for p in m._get_plugins()[0] if p.name == 'devmlops'], m._get_plugins()[1], "
        "[n for n in sys.modules if n.startswith(('plugins.console', 'console', 'alerts', 'roles', 'include'))])"
    )
    assert run(code) == "['devmlops'] {} []"


@pytest.mark.parametrize(("command", "listens"), [("dag-processor", True), ("scheduler", False), ("api-server", False)])
def test_the_dag_processor_alone_loads_ahead_what_dag_files_import(command: str, listens: bool) -> None:
    code = (
        f"import sys; sys.argv = ['airflow', {command!r}]; from airflow.listeners.listener import get_listener_manager; "
        "get_listener_manager().hook.on_starting(component=None); print('operators.training.jobs' in sys.modules)"
    )
    assert run(code) == str(listens)


@pytest.mark.parametrize(("url", "layers"), [("sqlite:///{folder}/x.db", 2), ("postgresql+psycopg2://a@b/c", 1)])
def test_writers_queue_on_sqlite_alone(url: str, layers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", url.format(folder=tmp_path))
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    from devmlops_plugin import DevMLOpsPlugin

    names = [layer["middleware"].__name__ for layer in DevMLOpsPlugin().fastapi_root_middlewares]
    assert names == ["WriteLock", "ConfCheck"][-layers:]


@pytest.mark.integration
def test_a_real_airflow_has_it_without_import_errors(airflow_platform: RunningPlatform) -> None:
    errors = airflow_platform.call("operator", "GET", "/plugins/importErrors").json()
    assert errors["total_entries"] == 0
    assert "devmlops" in {p["name"] for p in airflow_platform.call("operator", "GET", "/plugins").json()["plugins"]}
