"""Train a model again from its record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings, Zone
from operators.base import actor
from operators.jobs import JobOperator


class ReproduceOperator(JobOperator):
    """Train a model again from its run's record alone, and tell how far the result differs.

    Args:
        version: the model version: a number, ``confirmed``, ``production`` or ``latest`` (templated).

    Returns:
        Whether every metric is identical, the largest difference, and what else is not as it was.
    """

    job = "reproduce"
    template_fields: Sequence[str] = ("project", "version")

    def __init__(self, *, version: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return the version and who asked."""
        return {"version": self.version, "author": actor(context)}

    def reads(self, settings: Settings, project: Project, arguments: dict[str, Any]) -> Zone | None:
        """Return the zone of the data that the model was trained on."""
        from include.training import model_info

        return "ops" if model_info(settings, project, self.version)["data"].get("zone") == "ops" else "dev"
