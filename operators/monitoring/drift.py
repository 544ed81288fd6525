"""Watch what the model is asked for drift from what it was trained on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.projects import Project, ProjectError, load_project
from include.settings import Settings
from operators.connections import platform_settings

UNKNOWN = ""
"""Nobody has looked yet: neither a problem nor that all is well."""
NO_ANSWER = "an engine never answered; the triggerer's log says which"


class DriftTrigger(BaseTrigger):
    """Look at every new window of the prediction log.

    What was seen is in the ledger, so a restarted triggerer goes on where the last one stopped. An engine that does not
    answer is waited for. Where looking itself is not possible, such as when the release's code is not there, an alert is
    open for as long as that lasts, and it is tried again at every poll.

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
        """Yield one event: the drift that was found, that none was found in time, or that nobody could look."""
        from include import monitoring
        from include.inference import PredictionLogError
        from include.ledger import LedgerError
        from include.management import NotReleased

        settings = await asyncio.to_thread(platform_settings)
        project = load_project(self.project, settings.projects_dir)
        end = asyncio.get_running_loop().time() + self.watch_s
        problem: str | None = UNKNOWN
        settled = False  # also a triggerer that is no more may have left an alert open
        while asyncio.get_running_loop().time() < end:
            drift = None
            try:
                drift = await asyncio.to_thread(monitoring.watch, settings, project)
                problem = None
                if not settled:
                    await asyncio.to_thread(monitoring.close_unwatched, settings, project)
                    settled = True
            except (OSError, LedgerError, PredictionLogError) as cause:
                self.log.warning("cannot look at %s now, trying again in %s s: %s", self.project, self.poll_s, cause)
            except (monitoring.MonitoringError, NotReleased, ProjectError) as cause:
                problem, settled = await self._unwatched(settings, project, str(cause), problem), False
            if drift:
                yield TriggerEvent({"status": "drift", "drift": drift.to_dict()})
                return
            await asyncio.sleep(self.poll_s)
        yield TriggerEvent({"status": "quiet"} if problem is None else {"status": "unwatched", "problem": problem or NO_ANSWER})

    async def _unwatched(self, settings: Settings, project: Project, problem: str, before: str | None) -> str | None:
        """Raise the alert where the problem is new; return what is known to be told."""
        from include import monitoring
        from include.ledger import LedgerError

        if problem == before:
            return problem
        self.log.error("production of %s is not watched: %s", self.project, problem)
        try:
            await asyncio.to_thread(monitoring.raise_unwatched, settings, project, problem)
        except (OSError, LedgerError) as cause:
            self.log.warning("the alert about it waits for the ledger: %s", cause)
            return before
        return problem


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
            AirflowFailException: nobody could look at the end of it; the alert is open.
            RuntimeError: the event is of an unknown kind.
        """
        if event["status"] == "drift":
            return event["drift"]
        if event["status"] == "quiet":
            raise AirflowSkipException(f"no drift of {self.project} in {self.watch_hours} h")
        if event["status"] == "unwatched":
            raise AirflowFailException(f"production of {self.project} is not watched: {event['problem']}")
        raise RuntimeError(f"unknown event {event['status']!r} from DriftTrigger")
