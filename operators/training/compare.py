"""Compare training runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings
from operators.base import actor
from operators.jobs import JobOperator
from operators.links import ReportLink


class CompareRunsOperator(JobOperator):
    """Lay training runs side by side, field by field, on a page in MLflow.

    Args:
        run_ids: a list of them or its JSON; an empty one takes the best (templated).
        best: how many of the best, where none are named (templated).
        experiment: whose best, by its title; empty takes the project's own (templated).

    Returns:
        The page's run and address, the compared runs, and the names of the fields that differ.
    """

    job = "compare_runs"
    template_fields: Sequence[str] = ("project", "run_ids", "best", "experiment")
    operator_extra_links = (ReportLink("Comparison"),)

    def __init__(self, *, run_ids: Any = (), best: Any = 5, experiment: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_ids = run_ids
        self.best = best
        self.experiment = experiment
        self.report_url: str | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return the runs, how many of the best of which experiment, and who asked."""
        named = json.loads(self.run_ids or "[]") if isinstance(self.run_ids, str) else list(self.run_ids)
        place = {"experiment": self.experiment} if self.experiment else {}
        return {"run_ids": [str(one) for one in named], "best": int(self.best), "author": actor(context), **place}

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Compare them; the link opens the page."""
        made = super().work(settings, project, context)
        self.report_url = made.get("report")
        return made
