"""What tasks have in common that make a version: its data sheet, linked from the task."""

from __future__ import annotations

from typing import Any

from include import data
from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator
from operators.links import ReportLink


class _VersionOperator(ProjectOperator):
    operator_extra_links = (ReportLink("Data sheet"),)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report_url: str | None = None

    def with_sheet(self, settings: Settings, project: Project, made: dict[str, Any], who: str) -> dict[str, Any]:
        """Keep the data sheet of a version and return the version; where it cannot be made now, the log says why."""
        from include.data.sheet import keep_sheet

        try:
            self.report_url = keep_sheet(settings, project, made, who)["url"]
        except data.DataError as cause:
            self.log.warning("no data sheet of %s: %s", made["version"], cause)
        return made
