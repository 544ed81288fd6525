"""Compute feature views for a data version, and bring their newest values online."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings, Zone
from operators.base import ProjectOperator, actor, key
from operators.jobs import JobOperator


class ComputeFeaturesOperator(JobOperator):
    """Compute one feature view for a data version and keep it beside the data; what is kept already is not computed.

    Args:
        view: the view's name.
        version: name of the data version, such as v3; empty takes the newest (templated).
        zone: the data zone of the version.

    Returns:
        The features: repository, commit, path, definition, version, count, entities, and the range of their times.
    """

    job = "compute_features"
    template_fields: Sequence[str] = ("project", "view", "version")

    def __init__(self, *, view: str, version: str = "", zone: Zone = "dev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.view = view
        self.version = version
        self.zone = zone

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return view, version, zone, the run's key and who asked."""
        version = str(self.version or "").strip()
        return {"view": self.view, "version": version, "zone": self.zone, "run_id": key(context), "author": actor(context)}


class MaterialiseFeaturesOperator(ProjectOperator):
    """Bring the newest values of each entity of a view online, in one transaction; newer ones that are there stay.

    Args:
        view: the view's name.
        features: the computed features, as `ComputeFeaturesOperator` returned them.

    Returns:
        How many were written, left because newer ones were there, removed, and are online now.
    """

    template_fields: Sequence[str] = ("project", "view", "features")

    def __init__(self, *, view: str, features: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.view = view
        self.features = features

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Write them; a retry finds what the try before wrote."""
        from include.data.features import materialise

        counts = materialise(settings, project, self.view, self.features, actor(context))
        self.log.info("%s online: %s", self.view, counts)
        return counts
