"""What the tests of operators share: a context and settings without Airflow's database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from include.settings import Settings


@pytest.fixture
def context() -> dict[str, Any]:
    """Return what operators read of a task's context."""
    return {
        "run_id": "manual__1",
        "dag": SimpleNamespace(dag_id="digits.release"),
        "dag_run": SimpleNamespace(triggering_user_name="developer"),
        "task_instance": SimpleNamespace(dag_id="digits.release", run_id="manual__1", task_id="approve_model", id="ti-1"),
    }


@pytest.fixture
def no_connections(monkeypatch, tmp_path) -> Settings:
    """Let operators see the settings alone, with a home of the test's own."""
    settings = Settings(home=tmp_path, prediction_log=tmp_path / "log")
    for module in ("base", "data.sensors", "data.truths", "monitoring.drift", "release.approve"):
        monkeypatch.setattr(f"operators.{module}.platform_settings", lambda: settings)
    return settings
