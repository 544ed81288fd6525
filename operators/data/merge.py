"""Refine and check a round on its branch, and merge what passed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include import data
from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator
from operators.links import ReportLink


class _RoundOperator(ProjectOperator):
    """A task about one round on its branch.

    Args:
        round: the round, as a collecting task returned it.
    """

    template_fields: Sequence[str] = ("project", "round")

    def __init__(self, *, round: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.round = round


class RefineRoundOperator(_RoundOperator):
    """Turn the raw items of a round into refined ones by the steps of project.yaml, on its branch.

    Returns:
        The report: items before and after each step, and how many were left out.
    """

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Refine; a retry finds what the try before made."""
        report = data.refine_round(settings, project, self.round)
        for step in report["steps"]:
            said = "%s: %d of %d items stay, %d changed, %d new"
            self.log.info(said, step["use"], step["before"] - step["gone"], step["before"], step["changed"], step["new"])
        self.log.info("refined: %d items, %d left out", report["count"], report["left_out"])
        return report


class CheckRoundOperator(_RoundOperator):
    """Run the project's checks on a round; a failing one ends the run and leaves the branch to look at.

    Returns:
        The report: each check with its value and limit.
    """

    operator_extra_links = (ReportLink("Quality report"),)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report_url: str | None = None

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Check the round where it stands, on its branch."""
        try:
            report = data.check_round(settings, project, self.round)
        finally:
            from include.data.status import quality_report_url

            with contextlib.suppress(data.DataError):  # the check says so itself where the server is down
                self.report_url = quality_report_url(settings, project, self.round)
        for check in report["checks"]:
            self.log.info("%s: %s (limit %s)", check["name"], check["value"], check["limit"])
            for warning in check.get("warnings", []):
                self.log.warning("%s: %s", check["name"], warning)
        return report


class MergeRoundOperator(_RoundOperator):
    """Merge a checked round into main.

    Returns:
        The round with its commit on main.
    """

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Merge; a round that is merged already stays as it is."""
        return {**self.round, **data.merge_round(settings, project, self.round)}
