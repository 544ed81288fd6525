"""Run a project's workflow: open its run, run each step as a job, keep the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from include.jobs.errors import JobOutOfMemory, JobTimeout
from include.projects import Project
from include.reports.links import mlflow_run_url
from include.settings import Settings
from operators.base import ProjectOperator, actor, key
from operators.jobs import JobOperator
from operators.links import ReportLink

if TYPE_CHECKING:
    from include.management import Environment


class StartWorkflowOperator(ProjectOperator):
    """Open the MLflow run that the steps of a workflow are kept under; another try finds it.

    Args:
        split: the split to train on.
        experiment: that the runs shall be in; empty takes the project's own (templated).

    Returns:
        The run, its experiment, and whether it is new.
    """

    template_fields: Sequence[str] = ("project", "split", "experiment")

    def __init__(self, *, split: Any, experiment: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.split = split
        self.experiment = experiment

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Open the run."""
        from include.components.start import start_workflow

        return start_workflow(settings, project, self.split, actor(context), key(context), self.experiment)


class WorkflowStepOperator(JobOperator):
    """Run one step of the project's workflow, unless a finished one was the same.

    Its environment is that of the step, else that of the job workflow_step; the run's own wish goes before both.
    ``timeout_minutes`` and ``memory`` of the step narrow what the environment gives.

    Args:
        step: the step's name.
        split: the split to train on.
        workflow: what `StartWorkflowOperator` returned.
        upstream: what the steps returned that this one takes outputs of, by their names.
        fresh: compute it, even where it was done before (templated).
        experiment: that the run shall be in (templated).

    Returns:
        The step's run, digests of its outputs, its figures, its seconds, and whether it was done before.
    """

    job = "workflow_step"
    template_fields: Sequence[str] = ("project", "step", "split", "workflow", "upstream", "fresh", "experiment")
    ui_color = "#eafbf0"

    def __init__(
        self,
        *,
        step: str,
        split: Any,
        workflow: Any,
        upstream: Mapping[str, Any],
        fresh: Any = "",
        experiment: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.split = split
        self.workflow = workflow
        self.upstream = upstream
        self.fresh = fresh
        self.experiment = experiment

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return step, split, parent run, what it takes, who asked, and the run's key."""
        return {
            "step": self.step,
            "split": self.split,
            "parent_run_id": self.workflow["run_id"],
            "upstream": dict(self.upstream),
            "author": actor(context),
            "key": key(context),
            "fresh": str(self.fresh).lower() == "true",
            **({"experiment": self.experiment} if self.experiment else {}),
        }

    def place(self, settings: Settings, project: Project, wish: str) -> Environment:
        """Return the environment of the step, narrowed to what the step may take."""
        from include.management import choose, environment

        step = project.workflow.steps.get(self.step) if project.workflow else None
        if step is None:
            return choose(settings, project, self.job, wish)
        named = None if wish else step.environment
        there = environment(settings, named) if named else choose(settings, project, self.job, wish)
        return there.limited(step.timeout_minutes, step.memory)

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Run the job; a step that took too long, or too much memory, is named.

        Raises:
            JobTimeout: it took longer than the step or its environment allows.
            JobOutOfMemory: it took more memory than the step or its environment allows.
        """
        try:
            return super().work(settings, project, context)
        except (JobTimeout, JobOutOfMemory) as cause:
            path = f"workflow.steps.{self.step}.{'memory' if isinstance(cause, JobOutOfMemory) else 'timeout_minutes'}"
            cause.args = (f"step {self.step}: {cause}; in project.yaml that is {path}, where it is given",)
            raise


class WorkflowModelOperator(JobOperator):
    """Keep the model of a workflow as a training run, and the page of its graph.

    Args:
        split: the split that it was trained on.
        workflow: what `StartWorkflowOperator` returned.
        steps: what each step returned, by name.
        experiment: that the run shall be in (templated).

    Returns:
        The training run and its metrics, as `TrainOperator` does.
    """

    job = "workflow_model"
    template_fields: Sequence[str] = ("project", "split", "workflow", "steps", "experiment")
    operator_extra_links = (ReportLink("Workflow"),)

    def __init__(self, *, split: Any, workflow: Any, steps: Mapping[str, Any], experiment: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.split = split
        self.workflow = workflow
        self.steps = steps
        self.experiment = experiment
        self.report_url: str | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return split, parent run, the steps' results, who asked, and the run's key."""
        self.report_url = mlflow_run_url(settings, str(self.workflow["experiment_id"]), str(self.workflow["run_id"]))
        return {
            "split": self.split,
            "parent_run_id": self.workflow["run_id"],
            "steps": dict(self.steps),
            "author": actor(context),
            "key": key(context),
            **({"experiment": self.experiment} if self.experiment else {}),
        }
