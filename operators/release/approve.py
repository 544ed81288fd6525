"""A person answers one step of the approval policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from include.projects import Project
from include.settings import Settings
from operators.question import APPROVE, REFUSE, Form, QuestionOperator


class ApprovalStepOperator(QuestionOperator):
    """Ask a person of the right role to approve exactly one release digest.

    Args:
        release: the sealed release: `id` and `digest` (templated).
        step: the name of the policy's step.
        title: what is asked, one line.
        timeout_minutes: no answer in this time means no.

    Returns:
        The recorded approval: step, decision, by whom, for which digest.
    """

    template_fields: Sequence[str] = (*QuestionOperator.template_fields, "release")

    def __init__(self, *, release: Any, step: str, title: str, timeout_minutes: float, **kwargs: Any) -> None:
        super().__init__(subject=title, options=[APPROVE, REFUSE], timeout=timedelta(minutes=timeout_minutes), **kwargs)
        self.release = release
        self.step = step

    def form(self, settings: Settings, project: Project) -> Form:
        """Show what was built, from what, and how it did in its tests."""
        from include.release.summary import approval_markdown

        release = self.release["id"]
        return Form(f"{self.subject}: {release}", approval_markdown(settings, project, release), self.release["digest"])

    def record(
        self, settings: Settings, project: Project, digest: str, answer: dict[str, Any] | None, source: dict[str, str]
    ) -> dict[str, Any]:
        """Keep the answer in the ledger."""
        from include.release.approval import record_answer

        release = self.release["id"]
        record = record_answer(settings, project, release, digest, self.step, answer, source)
        if answer is None:
            raise AirflowFailException(f"nobody answered {self.step} in time: {release} is not deployed")
        if record["decision"] != "approved":
            raise AirflowFailException(f"{self.step} of {release} was refused by {record['by']}: {record['reason']}")
        return record
