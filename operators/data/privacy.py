"""Mask a sample of ops data for dev, and let a person approve its report."""

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
from include.settings import Settings
from operators.base import actor, key
from operators.connections import platform_settings
from operators.jobs import JobOperator

APPROVE, REFUSE = "Approve", "Refuse"
REASON = Param("", type="string", title="Why", description="Stands in the audit log.", maxLength=2000, source="task")


class MaskSampleOperator(JobOperator):
    """Mask a sample of ops data by the project's rules and write it to a branch of dev, with its report.

    The one job that gets the credentials of both zones and the masking salt.

    Returns:
        The sample: the round on its branch, `approval_digest` and `report`.
    """

    job = "mask_sample"

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return the run's key and who wants the sample."""
        return {"run_id": key(context), "author": actor(context)}

    def settings_of(self, settings: Settings, arguments: dict[str, Any]) -> Settings:
        """Return all settings: the job reads ops and writes dev."""
        return settings


class ApproveSampleOperator(HITLOperator):
    """Ask a person of the right role to approve exactly one masked sample.

    The answer goes into the ledger at once, and the merging task trusts only the ledger: marking this task as success
    merges nothing.

    Args:
        project: the project's name.
        sample: what `MaskSampleOperator` returned (templated).
        role: who may answer.
        timeout_hours: no answer in this time means no.

    Returns:
        The recorded answer: decision, by whom, for which digest, until when.
    """

    template_fields: Sequence[str] = ("subject", "body", "project", "sample")
    ui_color = "#fdf3d8"

    def __init__(self, *, project: str, sample: Any, role: str, timeout_hours: float, **kwargs: Any) -> None:
        # The form asks for this alone, not for the DAG's own params.
        kwargs["params"] = ParamsDict({"reason": REASON})
        super().__init__(
            subject="A masked sample of ops data for dev",
            options=[APPROVE, REFUSE],
            assigned_users=[{"id": f"role:{role}", "name": role}],
            response_timeout=timedelta(hours=timeout_hours),
            **{"retries": 0, **kwargs},
        )
        self.project = project
        self.sample = sample

    def execute(self, context: Context) -> Any:
        """Write what the masking report says into the form, then wait without holding a worker."""
        from include.data.privacy import approval_markdown, masking_report

        settings = platform_settings().for_zone("dev")
        project = load_project(self.project, settings.projects_dir)
        self.subject = f"{self.subject}: {self.sample['count']} items"
        self.body = approval_markdown(project, masking_report(settings, project, self.sample))
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer; only a valid yes lets the run go on.

        Raises:
            AirflowFailException: refused, too late, or answered by someone who may not.
        """
        from include.data.privacy import record_sample_approval

        settings = platform_settings().for_zone("dev")
        project = load_project(self.project, settings.projects_dir)
        ti = context["task_instance"]
        source = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
        digest = self.sample["approval_digest"]
        try:
            answer = dict(super().execute_complete(context, event))
        except HITLTimeoutError as late:
            record_sample_approval(settings, project, self.sample, None, source)
            raise AirflowFailException(f"nobody answered in time: the sample {digest} stays out of dev's main") from late
        record = record_sample_approval(settings, project, self.sample, answer, source)
        if record["decision"] != "approved":
            raise AirflowFailException(f"the sample {digest} was refused by {record['by']}: {record['reason']}")
        return record
