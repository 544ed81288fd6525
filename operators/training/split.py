"""Choose the data version to train on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include import data
from include.projects import Project
from include.settings import Settings, Zone
from operators.base import ProjectOperator


class ChooseSplitOperator(ProjectOperator):
    """Find the stored split of a data version.

    Args:
        version: the version's tag, empty for the newest (templated).
        zone: the data zone.

    Returns:
        The split, as `MakeSplitOperator` does.
    """

    template_fields: Sequence[str] = ("project", "version")

    def __init__(self, *, version: str = "", zone: Zone = "dev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.zone = zone

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Find it; a version without a split gets the one that project.yaml describes."""
        if self.version:
            chosen = data.version(settings, project, self.zone, self.version)
        else:
            chosen = data.latest_version(settings, project, self.zone)
        made = data.make_split(settings, project, chosen)
        self.log.info("data version %s of %s: %s", made["version"], made["repository"], made.get("counts") or "no counts")
        return made
