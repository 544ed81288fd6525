"""Bring a release into production, and bring the one before back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator, actor, key
from operators.links import ReportLink


class DeployOperator(ProjectOperator):
    """Recompute the digest, check the approvals, load, warm up, smoke-test, and switch the route once.

    Trusts no task before it: it runs the same checks when it was cleared, forced or its upstream marked as success.

    Args:
        release: what `SealReleaseOperator` returned.

    Returns:
        The deployment: release, previous release and seconds of the switch.
    """

    template_fields: Sequence[str] = ("project", "release")
    operator_extra_links = (ReportLink("Model card"),)

    def __init__(self, *, release: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.release = release
        self.report_url: str | None = None

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Deploy; a retry after a crash finishes what was begun."""
        from include.release.cards import renew_cards
        from include.release.deployment import deploy

        made = deploy(settings, project, self.release["id"], actor(context), f"run {context['run_id']}")
        self.report_url = renew_cards(settings, project, made)
        return made


class RollbackOperator(ProjectOperator):
    """Bring a release that was in production before back, model and inference code together, by one switch.

    Args:
        to: the release id, empty for the one before the current (templated).
        reason: why; it stands in the audit log (templated).

    Returns:
        The deployment, as `DeployOperator` does.
    """

    template_fields: Sequence[str] = ("project", "to", "reason")
    operator_extra_links = (ReportLink("Model card"),)

    def __init__(self, *, to: str = "", reason: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.to = to
        self.reason = reason
        self.report_url: str | None = None

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Switch back."""
        from include.release.cards import renew_cards
        from include.release.deployment import rollback

        made = rollback(settings, project, actor(context), self.reason, to=self.to or None, key=key(context))
        self.report_url = renew_cards(settings, project, made)
        return made
