"""A person answers one step of the approval policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from include.projects import load_project
from operators.connections import platform_settings

APPROVE, REFUSE = "Approve", "Refuse"
REASON = Param("", type="string", title="Why", description="Stands in the audit log.", maxLength=2000, source="task")


class ApprovalStepOperator(HITLOperator):
    """Ask a person of the right role to approve exactly one release digest.

    The answer goes into the ledger at once: Airflow deletes its own record with the run. The deploying task trusts
    only the ledger, so marking this task as success deploys nothing.

    Args:
        project: the project's name.
        release: the sealed release: `id` and `digest` (templated).
        step: the name of the policy's step.
        role: who may answer.
        title: what is asked, one line.
        timeout_minutes: no answer in this time means no.

    Returns:
        The recorded approval: step, decision, by whom, for which digest.
    """

    template_fields: Sequence[str] = ("subject", "body", "project", "release")
    ui_color = "#fdf3d8"

    def __init__(
        self, *, project: str, release: Any, step: str, role: str, title: str, timeout_minutes: float, **kwargs: Any
    ) -> None:
        # The form asks for this alone, not for the DAG's own params.
        kwargs["params"] = ParamsDict({"reason": REASON})
        super().__init__(
            subject=title,
            options=[APPROVE, REFUSE],
            assigned_users=[{"id": f"role:{role}", "name": role}],
            response_timeout=timedelta(minutes=timeout_minutes),
            **{"retries": 0, **kwargs},
        )
        self.project = project
        self.release = release
        self.step = step

    def execute(self, context: Context) -> Any:
        """Write what is to be decided into the form, then wait without holding a worker."""
        from include.release.summary import approval_markdown

        settings = platform_settings()
        self.subject = f"{self.subject}: {self.release['id']}"
        self.body = approval_markdown(settings, load_project(self.project, settings.projects_dir), self.release["id"])
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer; only a valid yes lets the run go on.

        Raises:
            AirflowFailException: refused, too late, or answered by someone who may not.
        """
        from include.release.approval import record_answer

        settings = platform_settings()
        project = load_project(self.project, settings.projects_dir)
        ti = context["task_instance"]
        source = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
        try:
            answer = dict(super().execute_complete(context, event))
        except HITLTimeoutError as late:
            record_answer(settings, project, self.release["id"], self.release["digest"], self.step, None, source)
            raise AirflowFailException(f"nobody answered {self.step} in time: {self.release['id']} is not deployed") from late
        record = record_answer(settings, project, self.release["id"], self.release["digest"], self.step, answer, source)
        if record["decision"] != "approved":
            raise AirflowFailException(f"{self.step} of {self.release['id']} was refused by {record['by']}: {record['reason']}")
        return record
