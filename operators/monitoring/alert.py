"""Raise the alert that a drift deserves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator, actor


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


class CloseAlertOperator(ProjectOperator):
    """Close the drift alert that a deployed retraining has answered.

    Args:
        alert_id: the alert, empty where none asked for the retraining (templated).
        release_run_id: the run of the release that answers it (templated).

    Returns:
        The alert's id, None where there was none.
    """

    template_fields: Sequence[str] = ("project", "alert_id", "release_run_id")

    def __init__(self, *, alert_id: Any, release_run_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alert_id = alert_id
        self.release_run_id = release_run_id

    def work(self, settings: Settings, project: Project, context: Context) -> int | None:
        """Close it; a closed alert stays closed."""
        if not self.alert_id:
            return None
        from include.ledger import Ledger

        alert = Ledger(settings.ledger()).close_alert(
            int(self.alert_id), actor(context), f"released by run {self.release_run_id}"
        )
        return alert.id
