"""What all operators of the product share."""

from __future__ import annotations

from collections.abc import Sequence
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

    def execute(self, context: Context) -> Any:
        """Load the project, do the work, and turn an error that no retry can cure into a final one.

        Returns:
            What `work` returns.

        Raises:
            AirflowFailException: the work was refused; another try would be refused too.
        """
        settings = platform_settings()
        try:
            return self.work(settings, load_project(self.project, settings.projects_dir), context)
        except FinalError as refused:
            raise AirflowFailException(f"{type(refused).__name__}: {refused}") from refused

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Do this task's one thing and return a small JSON value."""
        raise NotImplementedError
