"""Put old and new data together into one version, as a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include import data
from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator, actor, key


class MakeBundleOperator(ProjectOperator):
    """Make a version of the ops zone out of what the running model was trained on and one new round.

    Nothing is copied: the bundle is a recipe that names repositories, commits, rounds and items.

    Args:
        round: the merged operating round.

    Returns:
        The version, as `TagVersionOperator` does.
    """

    template_fields: Sequence[str] = ("project", "round")

    def __init__(self, *, round: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.round = round

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Make the bundle; a retry finds the bundle of the try before."""
        from include.training import model_info

        running = model_info(settings, project, "production")
        parts = [{"version": running["data"]}, {"round": self.round}]
        return data.make_bundle(settings, project, key(context), actor(context), parts)
