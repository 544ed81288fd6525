"""The tasks of a project's workflow, as its graph connects them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Param, TaskGroup

from include.components.graph import order, upstream
from include.projects import Project
from operators.components.steps import StartWorkflowOperator, WorkflowModelOperator, WorkflowStepOperator

FRESH = {
    "fresh": Param(
        False,
        type="boolean",
        title="Compute all steps",
        description="Also those that an earlier run computed with the same code, parameters and inputs.",
    )
}


def workflow_params(project: Project) -> dict[str, Param]:
    """Return the parameters of runs of a project with a workflow; none for one without."""
    return FRESH if project.workflow else {}


def workflow_tasks(project: Project, split: Any, experiment: str = "") -> tuple[BaseOperator, BaseOperator]:
    """Add the tasks of a project's workflow to the DAG: one for each step, those that need nothing of each other side by side.

    Args:
        project: whose workflow.
        split: what `ChooseSplitOperator` gives.
        experiment: that the runs shall be in (templated).

    Returns:
        The first task, and the last; that one gives the training run, as `TrainOperator` does.
    """
    assert project.workflow is not None
    start = StartWorkflowOperator(task_id="start_workflow", project=project.name, split=split, experiment=experiment)
    made: dict[str, WorkflowStepOperator] = {}
    with TaskGroup("workflow", tooltip="One task for each step of project.yaml"):
        for name in order(project):
            made[name] = WorkflowStepOperator(
                task_id=name,
                task_display_name=project.workflow.steps[name].title or name,
                project=project.name,
                step=name,
                split=split,
                workflow=start.output,
                upstream={one: made[one].output for one in upstream(project, name)},
                fresh="{{ params.fresh }}",
                experiment=experiment,
            )
    results = {name: one.output for name, one in made.items()}
    model = WorkflowModelOperator(
        task_id="workflow_model", project=project.name, split=split, workflow=start.output, steps=results, experiment=experiment
    )
    return start, model
