"""Check a model's code before anything is trained with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings
from operators.base import actor, key
from operators.jobs import JobOperator
from operators.links import ReportLink


class CheckCodeOperator(JobOperator):
    """Check the project's code: lint, types, security, and whether its components work on a few rows.

    On ops data, where confirmed code alone runs, code that has passed these checks is not checked again: no job is started.

    Args:
        split: the split whose rows the components are tried with.

    Returns:
        How many errors, warnings and ignored findings there are, and the findings with their places.

    The task fails for good where there are errors; its link opens the report either way.
    """

    job = "check_code"
    template_fields: Sequence[str] = ("project", "split")
    operator_extra_links = (ReportLink(),)

    def __init__(self, *, split: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.split = split
        self.report_url: str | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return split, who asked, and the run's key."""
        return {"split": self.split, "author": actor(context), "key": key(context)}

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Check it, and refuse code with errors.

        Raises:
            include.training.code_checks.CodeError: there are errors; the first are named with their places.
        """
        from include.training.code_checks import passed, refuse

        zone, made = self.reads(settings, project, {"split": self.split}), None
        if zone == "ops":
            self.with_code(settings, project, zone, actor(context))
            if made := passed(settings, project):
                self.log.info("this confirmed code has passed the checks before, in run %s: nothing to do", made["run_id"])
        made = made or super().work(settings, project, context)
        self.report_url = made["report"]
        refuse(project, made)
        return {name: made[name] for name in ("ok", "errors", "warnings", "ignored", "run_id", "report")}
