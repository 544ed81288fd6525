"""What every DAG of the product has in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param
from airflow.sdk.definitions.param import ParamsDict

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


def may_be_empty(params: Mapping[str, Param]) -> dict[str, Param]:
    """Return params in which a text that is empty by itself may also be left out.

    Airflow's form (3.3) starts no run while a field is empty that may not be null, and gives null for one that was emptied.
    """
    made = {name: copy(param) for name, param in params.items()}
    for param in made.values():
        param.schema = dict(param.schema)
        kinds = param.schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        if param.value == "" and "string" in kinds and "null" not in kinds and not param.schema.get("minLength"):
            param.schema["type"] = ["null", *kinds]
            if "enum" in param.schema:
                param.schema["enum"] = [None, *param.schema["enum"]]
    return made


def _blank(value: Any) -> Any:
    """Return what a template writes for a value: nothing for None, as of a param that was left out."""
    return "" if value is None else value


@contextmanager
def pipeline(project: Project, name: str, area: str, doc: str | None, **kwargs: Any) -> Iterator[DAG]:
    """Give the DAG ``<project>.<name>`` with the product's defaults, for its tasks to be made in.

    The DAG gets its params after its tasks: Airflow (3.3) copies those of the DAG into each task once for each class of its
    operator, which took half of the time of reading a DAG file, though a run merges them anyway.

    Args:
        project: whose pipeline it is.
        name: the pipeline's name.
        area: the area it belongs to; a tag.
        doc: the DAG file's docstring: the runbook that the UI shows.
        kwargs: everything else that `airflow.sdk.DAG` takes.
    """
    params = may_be_empty(kwargs.pop("params", None) or {})
    made = DAG(
        f"{project.name}.{name}",
        dag_display_name=f"{project.title}: {name.replace('_', ' ')}",
        doc_md=doc,
        tags={"devmlops", area, project.name},
        **{
            "schedule": None,
            "catchup": False,
            "max_active_runs": 1,
            "jinja_environment_kwargs": {"finalize": _blank},
            **kwargs,
            "default_args": {
                "owner": project.owner,
                "placements": project.environments.placements(JOBS),  # `operators.jobs.JobOperator` takes it
                **RETRIES,
                **kwargs.get("default_args", {}),
            },
        },
    )
    with made as dag:
        yield dag
    made.params = ParamsDict(params)
