"""Open a release, check its code, package it, and seal it under one digest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator, actor


class OpenReleaseOperator(ProjectOperator):
    """Open the next release for a confirmed model.

    Args:
        model_version: the model's version, empty for the newest confirmed one (templated).

    Returns:
        The release: id, number, model and authors.
    """

    template_fields: Sequence[str] = ("project", "model_version")

    def __init__(self, *, model_version: Any = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_version = model_version

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Open it; a retry of the same run finds the same release."""
        from include.release.steps import open_release

        return open_release(settings, project, context["run_id"], self.model_version or None, actor(context))


class _ReleaseOperator(ProjectOperator):
    """A task about one release.

    Args:
        release: what `OpenReleaseOperator` returned.
    """

    template_fields: Sequence[str] = ("project", "release")

    def __init__(self, *, release: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.release = release


class StaticChecksOperator(_ReleaseOperator):
    """Check the inference code without running the service: lint, security, interface.

    Returns:
        Whether it passed, the tools, and the number of findings; the report is filed with the release.
    """

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Check, and file the report with the release."""
        from include.release.static_checks import static_checks

        report = static_checks(settings, project, self.release["id"], self.release["release_run_id"])
        for finding in report["findings"]:
            self.log.info("%(severity)s %(file)s:%(line)s %(rule)s %(message)s", finding)
        return {"ok": report["ok"], "tools": report["tools"], "findings": len(report["findings"])}


class PackageOperator(_ReleaseOperator):
    """Build the immutable package that the model server reads.

    Returns:
        The digest of each file.
    """

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Build it of confirmed code alone; the same release gives the same bytes."""
        from include.management import admit_served
        from include.release.package import inference_files, package

        admit_served(settings, project, inference_files(project), "packaging")
        return package(settings, project, self.release["id"], self.release["model"], self.release["release_run_id"])


class SealReleaseOperator(_ReleaseOperator):
    """Compute the one digest over all that belongs to a release; from here on it cannot change.

    Returns:
        The release's id and digest.
    """

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Seal it."""
        from include.release.steps import seal

        return seal(settings, project, self.release["id"])
