"""Whether a retrained model could be judged, before it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator


class CheckTestRowsOperator(ProjectOperator):
    """Make sure that there are test rows enough for a four-way comparison, before anything is trained.

    Args:
        split: the bundle's split.

    Returns:
        How many test rows are old and new.
    """

    template_fields: Sequence[str] = ("project", "split")

    def __init__(self, *, split: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.split = split

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, int]:
        """Count them."""
        from include import monitoring

        return monitoring.require_test_rows(settings, project, self.split)
