"""What the tests of operators share: a context and settings without Airflow's database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from include.settings import Settings


@pytest.fixture
def pushed() -> dict[str, Any]:
    """Return the XComs of the task in `context`, by their keys."""
    return {}


@pytest.fixture
def context(pushed: dict[str, Any]) -> dict[str, Any]:
    """Return what operators read of a task's context."""
    ids = {"dag_id": "digits.release", "run_id": "manual__1", "task_id": "approve_model", "id": "ti-1"}
    xcoms = {"xcom_push": lambda key, value: pushed.update({key: value}), "xcom_pull": lambda task_ids, key: pushed.get(key)}
    return {
        "run_id": "manual__1",
        "dag": SimpleNamespace(dag_id="digits.release"),
        "dag_run": SimpleNamespace(triggering_user_name="developer"),
        "task_instance": SimpleNamespace(**ids, **xcoms),
    }


@pytest.fixture
def no_connections(monkeypatch, tmp_path) -> Settings:
    """Let operators see the settings alone, with a home of the test's own."""
    settings = Settings(home=tmp_path, prediction_log=tmp_path / "log")
    for module in ("base", "data.sensors", "data.truths", "monitoring.drift", "question"):
        monkeypatch.setattr(f"operators.{module}.platform_settings", lambda: settings)
    return settings
