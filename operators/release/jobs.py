"""Optimise, compare and test a release: heavy work, each a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.settings import Settings
from operators.base import actor
from operators.jobs import JobOperator


class _ReleaseJobOperator(JobOperator):
    """A job about one release.

    Args:
        release: what `OpenReleaseOperator` returned.
    """

    template_fields: Sequence[str] = ("project", "release")

    def __init__(self, *, release: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.release = release

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return release, model and the release's MLflow run."""
        return {
            "release_id": self.release["id"],
            "model": self.release["model"],
            "release_run_id": self.release["release_run_id"],
        }


class OptimiseOperator(_ReleaseJobOperator):
    """Export the model to ONNX and quantise it; refused where accuracy falls too far.

    Returns:
        Accuracy, size and latency of each form, and the chosen one.
    """

    job = "optimise"

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return model and run."""
        return {"model": self.release["model"], "release_run_id": self.release["release_run_id"]}


class ParityOperator(_ReleaseJobOperator):
    """Ask torch, ONNX, the quantised model and Triton the same rows, and compare every value.

    Returns:
        The largest differences; one beyond the tolerance ends the run.
    """

    job = "parity"


class StagingTestOperator(_ReleaseJobOperator):
    """Load the release behind the staging route and test service and model together on test rows.

    Returns:
        Accuracy and latency through the inference AP.
    """

    job = "staging_test"

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return release, model, the release's MLflow run, and who asked."""
        return {**super().arguments(settings, context), "by": actor(context)}
