"""What all operators of the product share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from include.errors import FinalError
from include.projects import Project, load_project
from include.settings import Settings
from operators.connections import platform_settings

AUTOMATIC = "devmlops"
"""The actor where no person started the run."""


def actor(context: Context) -> str:
    """Return the name of the person who started this DAG run, `AUTOMATIC` where it was none."""
    return getattr(context["dag_run"], "triggering_user_name", None) or AUTOMATIC


def key(context: Context) -> str:
    """Return what makes a repeat of this task in this run find what an earlier try did."""
    return f"{context['dag'].dag_id}/{context['run_id']}"


class ProjectOperator(BaseOperator):
    """One task of one project; subclasses write `work`.

    Args:
        project: the project's name (templated).
    """

    template_fields: Sequence[str] = ("project",)
    ui_color = "#eef4fb"

    def __init__(self, *, project: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project = project
        self.told: tuple[Settings, Project, Any] | None = None  # what `operators.lineage` is made from

    def execute(self, context: Context) -> Any:
        """Load the project, do the work, and turn an error that no retry can cure into a final one.

        Returns:
            What `work` returns.

        Raises:
            AirflowFailException: the work was refused; another try would be refused too.
        """
        settings = platform_settings().model_copy(update={"actor": actor(context)})
        try:
            project = load_project(self.project, settings.projects_dir)
            self.told = settings, project, None
            made = self.recorded(settings, project, context)
            self.told = settings, project, made
            return made
        except FinalError as refused:
            raise AirflowFailException(f"{type(refused).__name__}: {refused}") from refused

    def recorded(self, settings: Settings, project: Project, context: Context) -> Any:
        """Do the work between its entries in the audit log: which data it is given, and which data it made."""
        from include.data.access import note_all

        values = (getattr(self, name, None) for name in self.template_fields)
        given = [value for value in values if isinstance(value, Mapping) and "repository" in value]
        note_all(settings, project, "data.read", given, via=self.task_id)
        made = self.work(settings, project, context)
        if isinstance(made, Mapping) and "repository" in made and made.get("new", True) and made not in given:
            note_all(settings, project, "data.write", made, via=self.task_id)
        return made

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return which data the task read and made; asked for where an OpenLineage transport is configured."""
        from operators.lineage import lineage

        return lineage(self)

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Do this task's one thing and return a small JSON value."""
        raise NotImplementedError
