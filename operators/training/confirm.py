"""Register a trained model, ask a person about it, and confirm it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

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
from operators.links import ReportLink

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


class AskConfirmationOperator(HITLOperator):
    """Put a model's figures in front of a person of the right role, who confirms or rejects it with a reason.

    The answer goes into the audit chain at once; the confirming task trusts only that, so marking this task as success
    confirms nothing. A model that fails the gate is not asked about, unless the gate may be overruled; one that is
    confirmed already is not asked about again.

    Args:
        project: the project's name (templated).
        model: the model, as `RegisterModelOperator` returned it (templated).
        role: who may answer.
        timeout_minutes: no answer in this time means no.

    Returns:
        The recorded answer: version, decision, by whom, why, and which failed items of the gate it overrules.
    """

    template_fields: Sequence[str] = ("subject", "body", "project", "model")
    operator_extra_links = (ReportLink("Run in MLflow"),)
    ui_color = "#fdf3d8"

    def __init__(self, *, project: str, model: Any, role: str, timeout_minutes: float, **kwargs: Any) -> None:
        # The form asks for this alone, not for the DAG's own params.
        kwargs["params"] = ParamsDict({"reason": REASON})
        super().__init__(
            subject="Confirm a model?",
            options=["Confirm", "Reject"],
            assigned_users=[{"id": f"role:{role}", "name": role}],
            response_timeout=timedelta(minutes=timeout_minutes),
            **{"retries": 0, **kwargs},
        )
        self.project = project
        self.model = model
        self.report_url: str | None = None

    def execute(self, context: Context) -> Any:
        """Write figures and comparison into the form, then wait without holding a worker.

        Raises:
            AirflowFailException: it fails the gate, or cannot be asked about.
        """
        from include import training

        settings = platform_settings()
        try:
            project = load_project(self.project, settings.projects_dir)
            form = training.confirmation_form(settings, project, self.model["version"])
        except FinalError as refused:
            raise AirflowFailException(f"{type(refused).__name__}: {refused}") from refused
        self.report_url = form["url"]
        if form["confirmed"]:
            self.log.info("version %s is confirmed already: nobody needs to be asked", form["version"])
            return {"version": form["version"], "decision": "confirm", "asked": False}
        self.subject, self.body = form["subject"], form["body"]
        # What was shown is what the answer is about; nothing that is set on self outlives the waiting.
        context["task_instance"].xcom_push(key="asked", value={"digest": form["digest"], "url": form["url"]})
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer; only a valid yes lets the run go on.

        Raises:
            AirflowFailException: rejected, too late, without a reason, or answered by someone who may not.
        """
        from include import training

        settings = platform_settings()
        ti = context["task_instance"]
        source = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
        asked = ti.xcom_pull(task_ids=ti.task_id, key="asked") or {"digest": "", "url": None}
        self.report_url = asked["url"]
        late = None
        try:
            answer = dict(super().execute_complete(context, event))
        except HITLTimeoutError as timeout:
            answer, late = None, timeout
        try:
            project = load_project(self.project, settings.projects_dir)
            record = training.record_confirmation(settings, project, self.model["version"], asked["digest"], answer, source)
        except FinalError as refused:
            raise AirflowFailException(f"{type(refused).__name__}: {refused}") from refused
        if late is not None:
            raise AirflowFailException(f"nobody answered in time: version {record['version']} is not confirmed") from late
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

    def __init__(self, *, model: Any, decided: Literal["rule", "person"] = "rule", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.decided = decided

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Confirm, or fail with what was not reached; a version that is confirmed stays as it is."""
        from include import training

        if self.decided == "person":
            ti = context["task_instance"]
            source = {"dag_id": ti.dag_id, "run_id": ti.run_id}
            return training.confirm_answered(settings, project, self.model["version"], source)
        return training.confirm(settings, project, self.model["version"], actor(context))
