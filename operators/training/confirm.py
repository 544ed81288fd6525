"""Register a trained model, ask a person about it, and confirm it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowFailException

from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator, actor
from operators.links import ReportLink
from operators.question import Form, QuestionOperator

# A minimum length would already refuse the empty text that the form begins with; the answer is checked instead.
REASON = Param(
    "",
    type="string",
    title="Why",
    description="Needed; stays with the model and in the audit log.",
    maxLength=2000,
    source="task",
)


class RegisterModelOperator(ProjectOperator):
    """Register an evaluated run as the next version of the project's model.

    Args:
        evaluated: what `EvaluateOperator` returned.

    Returns:
        The model: name, version, run and data.
    """

    template_fields: Sequence[str] = ("project", "evaluated")

    def __init__(self, *, evaluated: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.evaluated = evaluated

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Register; a run that is registered already keeps its version."""
        from include import training

        return training.register(settings, project, self.evaluated["run_id"], actor(context))


class AskConfirmationOperator(QuestionOperator):
    """Put a model's figures in front of a person of the right role, who confirms or rejects it with a reason.

    A model that fails the gate is not asked about, unless the gate may be overruled; one that is confirmed already is not
    asked about again.

    Args:
        model: the model, as `RegisterModelOperator` returned it (templated).
        timeout_minutes: no answer in this time means no.

    Returns:
        The recorded answer: version, decision, by whom, why, and which failed items of the gate it overrules.
    """

    template_fields: Sequence[str] = (*QuestionOperator.template_fields, "model")
    operator_extra_links = (ReportLink("Run in MLflow"),)

    def __init__(self, *, model: Any, timeout_minutes: float, **kwargs: Any) -> None:
        subject, options, timeout = "Confirm a model?", ["Confirm", "Reject"], timedelta(minutes=timeout_minutes)
        super().__init__(subject=subject, options=options, fields={"reason": REASON}, timeout=timeout, **kwargs)
        self.model = model

    def form(self, settings: Settings, project: Project) -> Form | dict[str, Any]:
        """Show figures and comparison."""
        from include import training

        form = training.confirmation_form(settings, project, self.model["version"])
        if form["confirmed"]:
            self.report_url = form["url"]
            self.log.info("version %s is confirmed already: nobody needs to be asked", form["version"])
            return {"version": form["version"], "decision": "confirm", "asked": False}
        return Form(form["subject"], form["body"], form["digest"], form["url"])

    def record(
        self, settings: Settings, project: Project, digest: str, answer: dict[str, Any] | None, source: dict[str, str]
    ) -> dict[str, Any]:
        """Keep the answer in the audit chain."""
        from include import training

        record = training.record_confirmation(settings, project, self.model["version"], digest, answer, source)
        if answer is None:
            raise AirflowFailException(f"nobody answered in time: version {record['version']} is not confirmed")
        if record["decision"] != "confirm":
            advice = "clear this task to ask again"
            raise AirflowFailException(f"version {record['version']} was rejected by {record['by']}: {record['why']}; {advice}")
        return record


class ConfirmModelOperator(ProjectOperator):
    """Confirm a model version, and the code that it was trained with, where its project's gate or a person says so.

    Args:
        model: the model, as `RegisterModelOperator` returned it.
        decided: ``rule``: the gate alone; ``person``: the answer to `AskConfirmationOperator` in this run, within the gate.

    Returns:
        What the gate asked for and what the model reached.
    """

    template_fields: Sequence[str] = ("project", "model")
    operator_extra_links = (ReportLink("Model card"),)

    def __init__(self, *, model: Any, decided: Literal["rule", "person"] = "rule", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.decided = decided
        self.report_url: str | None = None

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Confirm, or fail with what was not reached; a version that is confirmed stays as it is."""
        from include import training

        if self.decided == "person":
            ti = context["task_instance"]
            source = {"dag_id": ti.dag_id, "run_id": ti.run_id}
            made = training.confirm_answered(settings, project, self.model["version"], source)
        else:
            made = training.confirm(settings, project, self.model["version"], actor(context))
        self.report_url = made["card"]
        return made
