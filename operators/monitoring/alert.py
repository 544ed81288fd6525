"""Raise the alert that a drift deserves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator


class RaiseAlertOperator(ProjectOperator):
    """Record a drift as an alert in the ledger, and tell Slack where a token exists.

    Args:
        drift: what `DriftSensor` returned.

    Returns:
        The alert's id, and whether it is new: while one is open, the same drift raises no second one.
    """

    template_fields: Sequence[str] = ("project", "drift")

    def __init__(self, *, drift: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.drift = drift

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Raise it."""
        from include import monitoring

        return monitoring.raise_drift_alert(settings, project, self.drift)
