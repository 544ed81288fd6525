"""Jobs get the credential of the zone whose data they work on, and no other."""

from __future__ import annotations

import threading
import time
from typing import Any

import psutil
import pytest

from include.projects import load_project
from include.settings import Settings
from operators.data import MaskSampleOperator
from operators.monitoring import DriftReportOperator
from operators.release import OptimiseOperator
from operators.training import EvaluateOperator
from tests.fixtures.ledger import confirm_code

DEV = {"repository": "digits-dev", "zone": "dev", "commit": "c", "version": "v1"}
OPS = {"repository": "digits-ops", "zone": "ops", "commit": "c", "version": "v1"}
SECRETS = {"DATA_DEV_SECRET_KEY": "dev-secret", "DATA_OPS_SECRET_KEY": "ops-secret", "MASKING_SALT": "masking-secret"}


@pytest.fixture
def settings(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, migrated_ledger: Any) -> Settings:
    """Return settings with all secrets, which this process has in its environment too; the code is confirmed."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"DEVMLOPS_{name}", value)
    monkeypatch.setenv("DEVMLOPS_DATA_DEV_ACCESS_KEY", "dev-key")
    monkeypatch.setenv("DEVMLOPS_DATA_OPS_ACCESS_KEY", "ops-key")
    made = Settings(home=tmp_path)
    migrated_ledger(made)
    confirm_code(made, load_project("digits"))
    monkeypatch.setattr("operators.base.platform_settings", lambda: made)
    return made


def child_of(task: Any, context: Any) -> tuple[dict[str, str], list[str]]:
    """Run a task until its job is there; return the environment of that process and of those it started."""

    def run() -> None:
        with pytest.raises(BaseException):
            task.execute(context)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end and not (task._running and task._running.process):
            time.sleep(0.02)
        process = psutil.Process(task._running.process.pid)
        while process.environ().get("DEVMLOPS_HOME") is None or "include.jobs" not in " ".join(process.cmdline()):
            assert time.monotonic() < end
            time.sleep(0.02)
        return process.environ(), process.cmdline()
    finally:
        task.on_kill()
        thread.join(30)


@pytest.mark.parametrize(
    ("operator", "fields", "there", "gone"),
    [
        (EvaluateOperator, {"split": DEV, "trained": {"run_id": "r"}}, ["dev"], ["ops", "masking"]),
        (EvaluateOperator, {"split": OPS, "trained": {"run_id": "r"}}, ["ops"], ["dev", "masking"]),
        (OptimiseOperator, {"release": {"id": "r", "model": {"data": DEV}, "release_run_id": "r"}}, ["dev"], ["ops", "masking"]),
        (DriftReportOperator, {"alert": {"alert_id": 1}}, ["ops"], ["dev", "masking"]),
        (MaskSampleOperator, {}, ["dev", "ops", "masking"], []),
    ],
)
def test_what_a_jobs_process_can_see(
    settings: Settings, context: Any, operator: Any, fields: dict[str, Any], there: list[str], gone: list[str]
) -> None:
    environment, command = child_of(operator(task_id="t", project="digits", **fields), context)
    values = "\n".join(environment.values())
    assert all(f"{name}-secret" in values for name in there)
    assert not any(f"{name}-secret" in values or f"{name}-key" in values for name in gone)
    assert "secret" not in " ".join(command)
    assert environment["DEVMLOPS_ACTOR"] == "developer"


def test_settings_of_one_zone(settings: Settings) -> None:
    for zone, other in (("dev", "ops"), ("ops", "dev")):
        alone = settings.for_zone(zone)  # type: ignore[arg-type]
        assert alone.data(zone).secret_key.get_secret_value() == f"{zone}-secret"  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"no credential for the {other} data zone"):
            alone.data(other)  # type: ignore[arg-type]
        text = str(alone.environment())
        assert f"{other}-secret" not in text and f"{other}-key" not in text and "masking-secret" not in text
        assert Settings(**{}) != alone and settings.for_zone(zone) == alone  # type: ignore[arg-type]
    assert settings.masking_salt.get_secret_value() == "masking-secret"
    apart = settings.model_copy(update={"data_dev_url": "https://dev.example"})
    assert apart.for_zone("ops").data("dev").access_key == "dev-key" and not apart.for_zone("ops").masking_salt.get_secret_value()
    assert not apart.for_zone("dev").data_ops_access_key
