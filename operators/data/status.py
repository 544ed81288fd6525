"""The report of a pipeline run: what it did to the data, and how the data is now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from include import data
from include.data import status
from include.projects import Project
from include.settings import Settings, Zone
from operators.base import ProjectOperator, actor, key
from operators.links import ReportLink


class StatusReportOperator(ProjectOperator):
    """Make the status report of this run, keep it in the data repository, and link it from the task.

    It belongs at the end of a DAG as a teardown (``.as_teardown()``), so that a failed run has its report as well and
    still counts as failed. A run that changed nothing and in which nothing failed makes no report.

    Args:
        zone: the data zone that the run worked in.

    Returns:
        The report (repository, zone, ref, path), its address and the totals.
    """

    template_fields: Sequence[str] = ("project",)
    operator_extra_links = (ReportLink("Status report"),)

    def __init__(self, *, zone: Zone = "dev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.zone = zone
        self.report_url: str | None = None

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Make the report afresh; a repeat writes a new one.

        Raises:
            AirflowSkipException: the run changed nothing.
        """
        from include.data.sheet import keep_sheet

        made = status.run_report(settings, project, self.zone, key(context), actor(context), _tasks(context))
        for line in made["lines"]:
            self.log.info(line)
        if made["report"] is None:
            raise AirflowSkipException(f"this run changed nothing about the data of {project.name}")
        self.report_url = made["url"]
        for name in made["versions"]:  # their sheets were made before they were split
            try:
                keep_sheet(settings, project, {"version": name, "zone": self.zone}, actor(context))
            except data.DataError as cause:
                self.log.warning("the data sheet of %s is as it was: %s", name, cause)
        return {name: made[name] for name in ("report", "url", "totals")}


def _tasks(context: Context) -> dict[str, str]:
    """Return the states of the run's other tasks by their ids."""
    ti, run_id = context["task_instance"], context["run_id"]
    found = ti.get_task_states(dag_id=context["dag"].dag_id, run_ids=[run_id])
    return {task: str(state) for task, state in found.get(run_id, {}).items() if state and task != ti.task_id}
