"""What every DAG of the product has in common."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from include.jobs.registry import JOBS
from include.projects import Project, ProjectError, list_projects, load_project
from include.settings import Settings

RETRIES = {
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=5),
}
"""An engine that restarts is waited for; what a rule refuses is not tried again (`operators.base`)."""


def projects(*, with_model: bool = False) -> Iterator[Project]:
    """Yield every project whose project.yaml is right; `dags/projects.py` shows the others as import errors.

    Args:
        with_model: only those that train a model, not those that keep data alone.
    """
    folder = Settings().projects_dir
    for name in list_projects(folder):
        try:
            project = load_project(name, folder)
        except ProjectError:
            continue
        if project.has_model or not with_model:
            yield project


def environment_param(project: Project) -> dict[str, Param]:
    """Return the parameter by which a run chooses where its jobs run; none where the project allows one place alone."""
    choices = project.environments.choices
    if len(choices) < 2:
        return {}
    description = "Where the jobs of this run shall run. Empty takes what project.yaml says for each."
    return {"environment": Param("", type="string", enum=["", *choices], title="Environment", description=description)}


def pipeline(project: Project, name: str, area: str, doc: str | None, **kwargs: Any) -> DAG:
    """Return the DAG ``<project>.<name>`` with the product's defaults.

    Args:
        project: whose pipeline it is.
        name: the pipeline's name.
        area: the area it belongs to; a tag.
        doc: the DAG file's docstring: the runbook that the UI shows.
        kwargs: everything else that `airflow.sdk.DAG` takes.
    """
    return DAG(
        f"{project.name}.{name}",
        dag_display_name=f"{project.title}: {name.replace('_', ' ')}",
        doc_md=doc,
        tags={"devmlops", area, project.name},
        **{
            "schedule": None,
            "catchup": False,
            "max_active_runs": 1,
            **kwargs,
            "default_args": {
                "owner": project.owner,
                "placements": project.environments.placements(JOBS),  # `operators.jobs.JobOperator` takes it
                **RETRIES,
                **kwargs.get("default_args", {}),
            },
        },
    )
