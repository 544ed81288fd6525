"""Train and evaluate a model again from its record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings, Zone
from operators.base import actor, key
from operators.jobs import JobOperator
from operators.links import ReportLink


class ReproduceOperator(JobOperator):
    """Train and evaluate a model again from its run's record alone, and tell how far the result differs.

    The project's code is that of the record, so on ops data that one must be confirmed, and not what lies in the folder.

    Args:
        version: the model version: a number, ``confirmed``, ``production`` or ``latest`` (templated).

    Returns:
        Whether every metric is identical, the largest difference, what else is not as it was, and the report.
    """

    job = "reproduce"
    template_fields: Sequence[str] = ("project", "version")
    operator_extra_links = (ReportLink(),)

    def __init__(self, *, version: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.report_url: str | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return the version, who asked, and the run's key."""
        return {"version": self.version, "author": actor(context), "key": key(context)}

    def reads(self, settings: Settings, project: Project, arguments: dict[str, Any]) -> Zone | None:
        """Return the zone of the data that the model was trained on."""
        from include.training import model_info

        return "ops" if model_info(settings, project, self.version)["data"].get("zone") == "ops" else "dev"

    def with_code(self, settings: Settings, project: Project, zone: Zone | None, by: str) -> Settings:
        """Return the settings of the job; on ops data the code of the record must be confirmed."""
        from include.management import admit_recorded
        from include.training import model_info

        recorded = model_info(settings, project, self.version).get("project_code") if zone == "ops" else None
        if recorded is None:  # the folder's own code runs, or there is nothing to guard
            return super().with_code(settings, project, zone, by)
        admit_recorded(settings, project, recorded, f"the task {self.task_id}")
        return settings

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Train it again; the link opens what differs."""
        made = super().work(settings, project, context)
        self.report_url = made.get("report")
        return made
