"""Collect a round, from the caller's source or from what was inferred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from include import data
from include.projects import Project
from include.settings import Settings, Zone
from operators.base import ProjectOperator, actor, key


class CollectRoundOperator(ProjectOperator):
    """Collect what is new at the project's source into a round on a run branch.

    Args:
        zone: the data zone that receives the round.

    Returns:
        The round: repository, branch, number and counts. The task is skipped where nothing is new.
    """

    template_fields: Sequence[str] = ("project",)

    def __init__(self, *, zone: Zone = "dev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.zone = zone

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Collect; a retry of the same run goes on with the same branch."""
        found = data.collect_round(settings, project, self.zone, key(context), actor(context))
        if not found["count"]:
            raise AirflowSkipException(f"the source of {project.name} has nothing new")
        return found


class CollectOperatingRoundOperator(ProjectOperator):
    """Collect inferred rows that have their true answer by now into a round of the ops zone.

    Args:
        rows: the range of the prediction log, as `TruthsSensor` found it: `start_cursor` and `end_cursor`.

    Returns:
        The round, as `CollectRoundOperator` does.
    """

    template_fields: Sequence[str] = ("project", "rows")

    def __init__(self, *, rows: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows = rows

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Collect; rows without a true answer are counted and left."""
        found = data.collect_operating_round(
            settings, project, key(context), actor(context), self.rows["start_cursor"], self.rows["end_cursor"]
        )
        if not found["count"]:
            raise AirflowSkipException("no inferred row of that range has a true answer yet")
        return found
