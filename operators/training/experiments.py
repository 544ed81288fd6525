"""Create experiments, and delete them after a person said so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowFailException

from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator, actor
from operators.question import Form, QuestionOperator

REASON = Param("", type="string", title="Why", description="Needed; stands in the audit log.", maxLength=2000, source="task")


class AskDeletionOperator(QuestionOperator):
    """Show a person of the right role what goes with an experiment, and ask whether it shall be deleted.

    Where nothing is to be deleted, nobody is asked.

    Args:
        action: ``create`` or ``delete`` (templated).
        name: the experiment's (templated).
        typed: its name once more, as whoever started the run typed it (templated).
        timeout_minutes: no answer in this time means no.

    Returns:
        The recorded answer: decision, by whom and why.
    """

    template_fields: Sequence[str] = (*QuestionOperator.template_fields, "action", "name", "typed")

    def __init__(self, *, action: str, name: str, typed: str, timeout_minutes: float, **kwargs: Any) -> None:
        subject, options, timeout = "Delete an experiment?", ["Delete", "Keep"], timedelta(minutes=timeout_minutes)
        super().__init__(subject=subject, options=options, fields={"reason": REASON}, timeout=timeout, **kwargs)
        self.action = action
        self.name = name
        self.typed = typed

    def form(self, settings: Settings, project: Project) -> Form | dict[str, Any]:
        """Show what will be lost."""
        from include import training

        if self.action != "delete":
            return {"asked": False}
        form = training.deletion_form(settings, project, self.name, self.typed)
        return Form(form["subject"], form["body"], form["digest"])

    def record(
        self, settings: Settings, project: Project, digest: str, answer: dict[str, Any] | None, source: dict[str, str]
    ) -> dict[str, Any]:
        """Keep the answer in the audit chain."""
        from include import training

        record = training.record_deletion_answer(settings, project, self.name, digest, answer, source)
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
