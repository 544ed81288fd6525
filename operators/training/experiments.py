"""Create experiments, and delete them after a person said so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from include.errors import FinalError
from include.projects import Project, load_project
from include.settings import Settings
from operators.base import ProjectOperator, actor
from operators.connections import platform_settings

REASON = Param("", type="string", title="Why", description="Needed; stands in the audit log.", maxLength=2000, source="task")


class AskDeletionOperator(HITLOperator):
    """Show a person of the right role what goes with an experiment, and ask whether it shall be deleted.

    The answer goes into the audit chain at once; the deleting task trusts only that. Where nothing is to be deleted, nobody
    is asked.

    Args:
        project: the project's name (templated).
        action: ``create`` or ``delete`` (templated).
        name: the experiment's (templated).
        typed: its name once more, as whoever started the run typed it (templated).
        role: who may answer.
        timeout_minutes: no answer in this time means no.

    Returns:
        The recorded answer: decision, by whom and why.
    """

    template_fields: Sequence[str] = ("subject", "body", "project", "action", "name", "typed")
    ui_color = "#fdf3d8"

    def __init__(
        self, *, project: str, action: str, name: str, typed: str, role: str, timeout_minutes: float, **kwargs: Any
    ) -> None:
        # The form asks for this alone, not for the DAG's own params.
        kwargs["params"] = ParamsDict({"reason": REASON})
        super().__init__(
            subject="Delete an experiment?",
            options=["Delete", "Keep"],
            assigned_users=[{"id": f"role:{role}", "name": role}],
            response_timeout=timedelta(minutes=timeout_minutes),
            **{"retries": 0, **kwargs},
        )
        self.project = project
        self.action = action
        self.name = name
        self.typed = typed

    def execute(self, context: Context) -> Any:
        """Write what will be lost into the form, then wait without holding a worker.

        Raises:
            AirflowFailException: there is no such experiment, it must stay, or its name was not typed again.
        """
        from include import training

        if self.action != "delete":
            return {"asked": False}
        settings = platform_settings()
        try:
            form = training.deletion_form(settings, load_project(self.project, settings.projects_dir), self.name, self.typed)
        except FinalError as refused:
            raise AirflowFailException(f"{type(refused).__name__}: {refused}") from refused
        self.subject, self.body = form["subject"], form["body"]
        context["task_instance"].xcom_push(key="asked", value=form["digest"])
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer; only a yes with a reason lets the run go on.

        Raises:
            AirflowFailException: the answer was no, without a reason, or too late.
        """
        from include import training

        settings = platform_settings()
        ti = context["task_instance"]
        source = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
        asked = ti.xcom_pull(task_ids=ti.task_id, key="asked") or ""
        try:
            answer = dict(super().execute_complete(context, event))
        except HITLTimeoutError:
            answer = None
        project = load_project(self.project, settings.projects_dir)
        record = training.record_deletion_answer(settings, project, self.name, asked, answer, source)
        if record["decision"] != "delete":
            raise AirflowFailException(f"the experiment {self.name!r} is kept: {record['by']}: {record['why']}")
        return record


class ChangeExperimentOperator(ProjectOperator):
    """Create an experiment, or delete one with its runs because a person said so in this run.

    Args:
        action: ``create`` or ``delete`` (templated).
        name: the experiment's (templated).
        description: of a new one (templated).

    Returns:
        The experiment: title and id; of a deletion also how many runs and which model versions went with it.
    """

    template_fields: Sequence[str] = ("project", "action", "name", "description")

    def __init__(self, *, action: str, name: str, description: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.action = action
        self.name = name
        self.description = description

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Create or delete; what is done already is left at that, and what was cut off is finished."""
        from include import training

        if self.action == "create":
            return training.create_experiment(settings, project, self.name, self.description, actor(context))
        ti = context["task_instance"]
        return training.delete_answered(settings, project, self.name, {"dag_id": ti.dag_id, "run_id": ti.run_id})
