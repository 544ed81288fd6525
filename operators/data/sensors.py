"""Wait until the sources of a project have something new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.projects import load_project
from include.settings import Zone
from operators.connections import platform_settings

PATIENCE_S = 900
LOOKS = 10


class NewDataTrigger(BaseTrigger):
    """Look at the sources of one project, whatever their kinds.

    Args:
        project: the project's name.
        zone: whose rounds count as collected.
        before: the state for which a start was made last; the same is nothing new. None waits for any.
        poll_s: seconds between two looks.
        watch_s: stop after this many seconds without new data.
        patience_s: give up where looking failed for so long without a break.
    """

    def __init__(self, project: str, zone: Zone, before: str | None, poll_s: float, watch_s: float, patience_s: float) -> None:
        super().__init__()
        self.project, self.zone, self.before = project, zone, before
        self.poll_s, self.watch_s, self.patience_s = poll_s, watch_s, patience_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and what `__init__` takes."""
        names = ("project", "zone", "before", "poll_s", "watch_s", "patience_s")
        return "operators.data.sensors.NewDataTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: what is new, that nothing came in time, or why nobody could look."""
        from include.data import DataError
        from include.data.sources import pending

        settings = await asyncio.to_thread(platform_settings)
        project = load_project(self.project, settings.projects_dir)
        clock = asyncio.get_running_loop().time
        end, failing_since = clock() + self.watch_s, None
        while clock() < end:
            try:
                found = await asyncio.to_thread(pending, settings, project, self.zone)
            except (DataError, OSError, ValueError) as cause:
                failing_since = failing_since or clock()
                if clock() - failing_since >= self.patience_s:
                    yield TriggerEvent({"status": "blind", "why": f"{type(cause).__name__}: {cause}"})
                    return
                self.log.warning("cannot look at %s now, trying again in %s s: %s", self.project, self.poll_s, cause)
            else:
                failing_since = None
                if found["new"] and found["state"] != self.before:
                    yield TriggerEvent({"status": "new", "found": found})
                    return
            await asyncio.sleep(self.poll_s)
        yield TriggerEvent({"status": "quiet"})


class NewDataSensor(BaseSensorOperator):
    """Wait, without holding a worker, until the sources have as much new data as `data.start.min_new` asks for.

    What a run before this one has found is not found again until something came or was collected: data that does not
    pass its checks starts one run, not run after run.

    Args:
        project: the project's name (templated).
        zone: whose rounds count as collected.
        watch_hours: how long one run watches before the next run takes over.

    Returns:
        What was found: `count` (rows, files and records), `sources` (the same by source), `state`. Skipped where nothing
        came in time.
    """

    template_fields: Sequence[str] = ("project",)

    def __init__(self, *, project: str, zone: Zone = "dev", watch_hours: float = 24, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project = project
        self.zone = zone
        self.watch_hours = watch_hours

    def execute(self, context: Context) -> Any:
        """Hand the watching to the triggerer."""
        poll_s = load_project(self.project, platform_settings().projects_dir).data.start.poll_seconds
        before = context["ti"].xcom_pull(task_ids=self.task_id, include_prior_dates=True) or {}
        watch_s = self.watch_hours * 3600
        self.defer(
            trigger=NewDataTrigger(
                self.project, self.zone, before.get("state"), poll_s, watch_s, max(PATIENCE_S, LOOKS * poll_s)
            ),
            method_name="resume",
            timeout=timedelta(seconds=watch_s + 300),
        )

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return what was found.

        Raises:
            AirflowSkipException: nothing came in this run's time.
            AirflowFailException: the sources could not be looked at for long.
            RuntimeError: the event is of an unknown kind.
        """
        if event["status"] == "new":
            return event["found"]
        if event["status"] == "quiet":
            raise AirflowSkipException(f"nothing new at the sources of {self.project} in {self.watch_hours} h")
        if event["status"] == "blind":
            raise AirflowFailException(f"the sources of {self.project} cannot be looked at: {event['why']}")
        raise RuntimeError(f"unknown event {event['status']!r} from NewDataTrigger")
