"""Mask a sample of ops data for dev, and let a person approve its report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from include.projects import Project
from include.settings import Settings
from operators.base import actor, key
from operators.jobs import JobOperator
from operators.question import APPROVE, REFUSE, Form, QuestionOperator


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


class ApproveSampleOperator(QuestionOperator):
    """Ask a person of the right role to approve exactly one masked sample.

    Args:
        sample: what `MaskSampleOperator` returned (templated).
        timeout_hours: no answer in this time means no.

    Returns:
        The recorded answer: decision, by whom, for which digest, until when.
    """

    template_fields: Sequence[str] = (*QuestionOperator.template_fields, "sample")

    def __init__(self, *, sample: Any, timeout_hours: float, **kwargs: Any) -> None:
        subject, options = "A masked sample of ops data for dev", [APPROVE, REFUSE]
        super().__init__(subject=subject, options=options, timeout=timedelta(hours=timeout_hours), **kwargs)
        self.sample = sample

    def own_settings(self) -> Settings:
        """Return the settings with the credential of dev alone."""
        return super().own_settings().for_zone("dev")

    def form(self, settings: Settings, project: Project) -> Form:
        """Show what the masking report says."""
        from include.data.privacy import approval_markdown, masking_report

        body = approval_markdown(project, masking_report(settings, project, self.sample))
        return Form(f"{self.subject}: {self.sample['count']} items", body, self.sample["approval_digest"])

    def record(
        self, settings: Settings, project: Project, digest: str, answer: dict[str, Any] | None, source: dict[str, str]
    ) -> dict[str, Any]:
        """Keep the answer in the ledger."""
        from include.data.privacy import record_sample_approval

        record = record_sample_approval(settings, project, {**self.sample, "approval_digest": digest}, answer, source)
        if answer is None:
            raise AirflowFailException(f"nobody answered in time: the sample {digest} stays out of dev's main")
        if record["decision"] != "approved":
            raise AirflowFailException(f"the sample {digest} was refused by {record['by']}: {record['reason']}")
        return record
