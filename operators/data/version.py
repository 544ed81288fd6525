"""Tag a version of the data, and make its split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from include import data
from include.projects import Project
from include.projects.tasks import UNLABELLED
from include.settings import Settings
from operators.base import ProjectOperator, actor
from operators.data.sheets import _VersionOperator


class TagVersionOperator(_VersionOperator):
    """Tag main, as it is with this round, as the next immutable version.

    Args:
        round: the merged round.
        notes: release notes of the version (templated).

    The version's data sheet is made as well and linked from the task; where it cannot be made now, the log says why.

    Returns:
        The version: repository, tag, commit, rounds and count.
    """

    template_fields: Sequence[str] = ("project", "round", "notes")

    def __init__(self, *, round: Any, notes: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.round = round
        self.notes = notes

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Tag; a retry finds the tag of the try before."""
        made = data.tag_version(settings, project, self.round, self.notes, actor(context))
        return self.with_sheet(settings, project, made, actor(context))


class MakeSplitOperator(ProjectOperator):
    """Make and store the split recipe of a version.

    Args:
        version: the version, as `TagVersionOperator` or `MakeBundleOperator` returned it.

    Returns:
        The split: version, commit, path, digest and the count of each part.
    """

    template_fields: Sequence[str] = ("project", "version")

    def __init__(self, *, version: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Make the recipe; the same version gives the same recipe. Skipped where labels are needed and not there yet."""
        if self.version["state"] == "refined" and project.task not in UNLABELLED:
            told = f"{self.version['labelled']} of {self.version['count']} items have a label"
            raise AirflowSkipException(f"{self.version['version']} is refined and not labelled: {told}")
        return data.make_split(settings, project, self.version)
