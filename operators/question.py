"""What all tasks share that ask a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
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
from operators.connections import platform_settings

APPROVE, REFUSE = "Approve", "Refuse"
REASON = {"reason": Param("", type="string", title="Why", description="Stands in the audit log.", maxLength=2000, source="task")}


@dataclass(frozen=True)
class Form:
    """What a person is shown.

    Attributes:
        subject: what is asked, one line.
        body: what there is to know, Markdown.
        digest: of what was shown, where the answer is about exactly that.
        report: address of the page behind it.
    """

    subject: str
    body: str
    digest: str = ""
    report: str | None = None


class QuestionOperator(HITLOperator):
    """Ask a person of the right role about exactly one thing, without holding a worker; subclasses write `form` and `record`.

    The answer is recorded where it cannot be taken back as soon as it is there: Airflow deletes its own record with the run.
    What acts on the answer trusts that record alone, so marking the task as success lets nothing happen.

    Args:
        project: the project's name (templated).
        role: who may answer.
        timeout: no answer in this time means no.
        options: what may be chosen.
        fields: what is asked beside the choice; the form has these alone, not the DAG's own params.
    """

    template_fields: Sequence[str] = ("subject", "body", "project")
    ui_color = "#fdf3d8"

    def __init__(
        self,
        *,
        project: str,
        role: str,
        timeout: timedelta,
        options: Sequence[str],
        subject: str,
        fields: Mapping[str, Param] = REASON,
        **kwargs: Any,
    ) -> None:
        kwargs["params"] = ParamsDict({name: copy(param) for name, param in fields.items()})
        super().__init__(
            subject=subject,
            options=list(options),
            assigned_users=[{"id": f"role:{role}", "name": role}],
            response_timeout=timeout,
            **{"retries": 0, **kwargs},
        )
        self.project = project
        self.report_url: str | None = None

    def own_settings(self) -> Settings:
        """Return the settings to ask and to record with."""
        return platform_settings()

    def form(self, settings: Settings, project: Project) -> Form | dict[str, Any]:
        """Return what is shown; or, where nobody needs to be asked, what the task returns.

        Raises:
            FinalError: it cannot be asked about.
        """
        raise NotImplementedError

    def record(
        self, settings: Settings, project: Project, digest: str, answer: dict[str, Any] | None, source: dict[str, str]
    ) -> dict[str, Any]:
        """Record an answer and return what the task returns.

        Args:
            settings: what `own_settings` gave.
            project: the project.
            digest: of what was shown.
            answer: the choice, the fields and who answered, as Airflow gives them; None where nobody did in time.
            source: DAG, run and task that asked.

        Raises:
            FinalError: it does not count.
            AirflowFailException: it was no.
        """
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Write what is known into the form, then wait.

        Raises:
            AirflowFailException: it cannot be asked about.
        """
        settings = self.own_settings()
        try:
            form = self.form(settings, load_project(self.project, settings.projects_dir))
        except FinalError as refused:
            raise AirflowFailException(f"{type(refused).__name__}: {refused}") from refused
        if isinstance(form, dict):
            return form
        self.subject, self.body, self.report_url = form.subject, form.body, form.report
        # Nothing that is set on self outlives the waiting.
        context["task_instance"].xcom_push(key="asked", value={"digest": form.digest, "report": form.report})
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer; only a valid yes lets the run go on.

        Raises:
            AirflowFailException: no, too late, or answered by someone who may not.
        """
        ti = context["task_instance"]
        asked = ti.xcom_pull(task_ids=ti.task_id, key="asked") or {"digest": "", "report": None}
        self.report_url = asked["report"]
        source = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
        late: HITLTimeoutError | None = None
        try:
            answer: dict[str, Any] | None = dict(super().execute_complete(context, event))
        except HITLTimeoutError as timeout:
            answer, late = None, timeout
        settings = self.own_settings()
        try:
            return self.record(settings, load_project(self.project, settings.projects_dir), asked["digest"], answer, source)
        except FinalError as refused:
            raise AirflowFailException(f"{type(refused).__name__}: {refused}") from refused
        except AirflowFailException as no:
            if late is not None:
                raise no from late
            raise
