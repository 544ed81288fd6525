"""Wait until enough inferred rows have their true answer."""

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


class TruthsTrigger(BaseTrigger):
    """Watch the truths of one project's prediction log.

    Args:
        project: the project's name.
        alert_id: the drift alert whose range is meant; None takes all since the last operating round.
        timeout_s: give up after this many seconds.
        poll_s: seconds between two looks.
    """

    def __init__(self, project: str, alert_id: int | None, timeout_s: float, poll_s: float) -> None:
        super().__init__()
        self.project, self.alert_id, self.timeout_s, self.poll_s = project, alert_id, timeout_s, poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and what `__init__` takes."""
        return (
            "operators.data.truths.TruthsTrigger",
            {"project": self.project, "alert_id": self.alert_id, "timeout_s": self.timeout_s, "poll_s": self.poll_s},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the range of rows, or how many were still missing when time ran out."""
        from include.data.truth_range import labelled_rows, range_start

        settings = await asyncio.to_thread(platform_settings)
        project = load_project(self.project, settings.projects_dir)
        start = await asyncio.to_thread(range_start, settings, project, self.alert_id)
        end = asyncio.get_running_loop().time() + self.timeout_s
        while True:
            rows = await asyncio.to_thread(labelled_rows, settings, project, start)
            if rows["labelled"] >= project.retraining.min_new_rows:
                yield TriggerEvent({"status": "ready", "rows": rows})
                return
            if asyncio.get_running_loop().time() >= end:
                yield TriggerEvent({"status": "timeout", "rows": rows})
                return
            await asyncio.sleep(self.poll_s)


class TruthsSensor(BaseSensorOperator):
    """Wait, without holding a worker, until a retraining has enough rows with true answers.

    Args:
        project: the project's name (templated).
        alert_id: the drift alert that asked for retraining, empty where none did (templated).

    Returns:
        The range: `start_cursor`, `end_cursor`, `rows` and `labelled`. Skipped where time runs out first.
    """

    template_fields: Sequence[str] = ("project", "alert_id")

    def __init__(self, *, project: str, alert_id: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project = project
        self.alert_id = alert_id

    def execute(self, context: Context) -> Any:
        """Hand the waiting to the triggerer."""
        project = load_project(self.project, platform_settings().projects_dir)
        seconds = project.retraining.truth_wait_minutes * 60
        self.defer(
            trigger=TruthsTrigger(
                self.project, int(self.alert_id) if self.alert_id else None, seconds, project.monitoring.poll_seconds
            ),
            method_name="resume",
            timeout=timedelta(seconds=seconds + 60),
        )

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the range, or skip the retraining with the counts that were missing.

        Raises:
            AirflowSkipException: too few rows had a true answer in time.
            RuntimeError: the event is of an unknown kind.
        """
        rows = event["rows"]
        if event["status"] == "ready":
            return rows
        if event["status"] == "timeout":
            raise AirflowSkipException(
                f"{rows['labelled']} of {rows['rows']} inferred rows have a true answer; retraining.min_new_rows asks for more:"
                f" send them to POST /v1/projects/{self.project}/truths and start the retraining again"
            )
        raise RuntimeError(f"unknown event {event['status']!r} from TruthsTrigger")
