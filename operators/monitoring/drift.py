"""Watch what the model is asked for drift from what it was trained on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSkipException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.projects import load_project
from operators.connections import platform_settings


class DriftTrigger(BaseTrigger):
    """Look at every new window of the prediction log.

    What was seen is in the ledger, so a restarted triggerer goes on where the last one stopped.

    Args:
        project: the project's name.
        poll_s: seconds between two looks.
        watch_s: stop after this many seconds without drift.
    """

    def __init__(self, project: str, poll_s: float, watch_s: float) -> None:
        super().__init__()
        self.project, self.poll_s, self.watch_s = project, poll_s, watch_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and what `__init__` takes."""
        return (
            "operators.monitoring.drift.DriftTrigger",
            {"project": self.project, "poll_s": self.poll_s, "watch_s": self.watch_s},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the drift that was found, or that none was found in time."""
        from include import monitoring
        from include.inference import PredictionLogError
        from include.ledger import LedgerError

        passing = (OSError, LedgerError, PredictionLogError, monitoring.MonitoringError)
        settings = await asyncio.to_thread(platform_settings)
        project = load_project(self.project, settings.projects_dir)
        end = asyncio.get_running_loop().time() + self.watch_s
        while asyncio.get_running_loop().time() < end:
            try:
                drift = await asyncio.to_thread(monitoring.watch, settings, project)
            except passing as cause:
                self.log.warning("cannot look at %s now, trying again in %s s: %s", self.project, self.poll_s, cause)
                drift = None
            if drift:
                yield TriggerEvent({"status": "drift", "drift": drift.to_dict()})
                return
            await asyncio.sleep(self.poll_s)
        yield TriggerEvent({"status": "quiet"})


class DriftSensor(BaseSensorOperator):
    """Wait, without holding a worker, until the production model's inputs have drifted.

    Args:
        project: the project's name (templated).
        watch_hours: how long one run watches before the next run takes over.

    Returns:
        The drift: release, windows, score, threshold, features that moved most, range of the log. Skipped where
        nothing drifted in time.
    """

    template_fields: Sequence[str] = ("project",)

    def __init__(self, *, project: str, watch_hours: float = 24, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project = project
        self.watch_hours = watch_hours

    def execute(self, context: Context) -> Any:
        """Hand the watching to the triggerer."""
        poll_s = load_project(self.project, platform_settings().projects_dir).monitoring.poll_seconds
        watch_s = self.watch_hours * 3600
        self.defer(
            trigger=DriftTrigger(self.project, poll_s, watch_s),
            method_name="resume",
            timeout=timedelta(seconds=watch_s + 300),
        )

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the drift.

        Raises:
            AirflowSkipException: nothing drifted in this run's time.
            RuntimeError: the event is of an unknown kind.
        """
        if event["status"] == "drift":
            return event["drift"]
        if event["status"] == "quiet":
            raise AirflowSkipException(f"no drift of {self.project} in {self.watch_hours} h")
        raise RuntimeError(f"unknown event {event['status']!r} from DriftTrigger")
