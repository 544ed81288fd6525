"""Wait until people have labelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.errors import FinalError
from include.projects import load_project
from operators.connections import platform_settings


class LabellingTrigger(BaseTrigger):
    """Watch how far people are with labelling.

    Args:
        project: the project's name.
        labelling: what was pushed.
        timeout_s: give up after this many seconds.
        poll_s: seconds between two looks.
    """

    def __init__(self, project: str, labelling: dict[str, Any], timeout_s: float, poll_s: float) -> None:
        super().__init__()
        self.project, self.labelling, self.timeout_s, self.poll_s = project, labelling, timeout_s, poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and what `__init__` takes."""
        names = ("project", "labelling", "timeout_s", "poll_s")
        return "operators.data.labelling_sensor.LabellingTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: done, time ran out, or Label Studio refused. One that is down for a while is waited for."""
        from include.clients.labelling import LabellingError, LabellingUnreachable
        from include.data.labelling import progress

        settings = await asyncio.to_thread(platform_settings)
        project = await asyncio.to_thread(load_project, self.project, settings.projects_dir)
        end = asyncio.get_running_loop().time() + self.timeout_s
        before: dict[str, Any] = {}
        problem = ""
        while True:
            try:
                now = await asyncio.to_thread(progress, settings, project, self.labelling)
                problem = ""
                if now != before:
                    self.log.info("%s of %s tasks done, %s answers", now["done"], now["tasks"], now["answers"])
                before = now
                if now["ready"]:
                    yield TriggerEvent({"status": "done", "progress": now})
                    return
            except LabellingUnreachable as cause:
                if str(cause) != problem:
                    self.log.warning("%s", cause)
                problem = str(cause)
            except (LabellingError, FinalError) as cause:
                yield TriggerEvent({"status": "refused", "problem": str(cause)})
                return
            if asyncio.get_running_loop().time() >= end:
                yield TriggerEvent({"status": "timeout", "progress": before, "problem": problem})
                return
            await asyncio.sleep(self.poll_s)


class LabellingSensor(BaseSensorOperator):
    """Wait, without holding a worker, until people have labelled as much as ``data.labelling.done`` asks.

    Args:
        project: the project's name (templated).
        labelling: what was pushed, or sent back.

    Returns:
        The labelling with its ``progress``.
    """

    template_fields: Sequence[str] = ("project", "labelling")
    ui_color = "#eef4fb"

    def __init__(self, *, project: str, labelling: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project = project
        self.labelling = labelling

    def execute(self, context: Context) -> Any:
        """Hand the waiting to the triggerer."""
        rules = load_project(self.project, platform_settings().projects_dir).data.labelling
        if rules is None:
            raise AirflowFailException(f"project.yaml of {self.project} says nothing about labelling: add data.labelling to it")
        seconds = rules.timeout_hours * 3600
        self.log.info("%s tasks wait at %s", self.labelling["tasks"], self.labelling["url"])
        self.defer(
            trigger=LabellingTrigger(self.project, self.labelling, seconds, rules.poll_seconds),
            method_name="resume",
            timeout=timedelta(seconds=seconds + 300),
        )

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the labelling where enough is labelled.

        Raises:
            AirflowFailException: time ran out, or Label Studio refused; what people answered stays there.
            RuntimeError: the event is of an unknown kind.
        """
        if event["status"] == "done":
            return {**self.labelling, "progress": event["progress"]}
        if event["status"] == "refused":
            raise AirflowFailException(event["problem"])
        if event["status"] == "timeout":
            now = event["progress"]
            far = f"{now['done']} of {now['tasks']} tasks are done" if now else event["problem"]
            raise AirflowFailException(
                f"time ran out: {far}. Nothing is lost: clear this task to wait on, or lower data.labelling.done"
            )
        raise RuntimeError(f"unknown event {event['status']!r} from LabellingTrigger")
