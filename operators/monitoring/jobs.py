"""Drift report and four-way comparison: heavy work, each a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from include.projects import Project
from include.settings import Settings
from operators.jobs import JobOperator


class DriftReportOperator(JobOperator):
    """Write the Evidently report of the drifted windows, and keep it with the alert.

    Rows are measured by the code that the release was made with, as the watch does it.

    Args:
        alert: what `RaiseAlertOperator` returned.

    Returns:
        Where the report is.
    """

    job = "drift_report"
    template_fields: Sequence[str] = ("project", "alert")

    def __init__(self, *, alert: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alert = alert

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return the alert's id."""
        return {"alert_id": self.alert["alert_id"]}


class FourWayOperator(JobOperator):
    """Compare the current and the new model on the old and the new test data; a loss on old data ends the run.

    Args:
        split: the bundle's split.
        model: the retrained model, as `RegisterModelOperator` returned it.

    Returns:
        Four results with their intervals, the differences, slices and the decision.
    """

    job = "four_way"
    template_fields: Sequence[str] = ("project", "split", "model")

    def __init__(self, *, split: Any, model: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.split = split
        self.model = model

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return split and candidate; the current model is the one in production."""
        return {"current_version": "production", "candidate_version": self.model["version"], "split": self.split}

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Compare; a rejected model fails the task with the reasons.

        Raises:
            AirflowFailException: the new model is not better, or loses on old data.
        """
        found = super().work(settings, project, context)
        if found["decision"] != "accept":
            raise AirflowFailException(f"model version {self.model['version']} is rejected: {'; '.join(found['reasons'])}")
        return found
