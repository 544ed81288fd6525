"""Profile a data version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include import data
from include.projects import Project, load_project
from include.settings import Settings, Zone
from operators.base import actor, key
from operators.jobs import JobOperator
from operators.links import ReportLink


class ProfileVersionOperator(JobOperator):
    """Look at a data version of the dev zone: counts, distributions, relations, pictures; the page lies in MLflow.

    Args:
        version: its name, such as ``v3``; empty takes the newest (templated).
        part: ``whole``, or a part of its newest split (templated).
        columns: a list of a table's columns or its JSON; an empty one takes all (templated).
        sample: items to look at closely (templated).
        seed: chooses which (templated).
        compare_with: name of another version, to tell what moved since; empty compares with none (templated).

    Returns:
        The run and address of the page, how many items there are and were looked at, and the page's sections.
    """

    job = "profile"
    zone: Zone = "dev"
    template_fields: Sequence[str] = ("project", "version", "part", "columns", "sample", "seed", "compare_with")
    operator_extra_links = (ReportLink("Profile"),)

    def __init__(
        self,
        *,
        version: Any = "",
        part: str = "whole",
        columns: Any = (),
        sample: Any = 20_000,
        seed: Any = 0,
        compare_with: Any = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.part = part
        self.columns = columns
        self.sample = sample
        self.seed = seed
        self.compare_with = compare_with
        self.report_url: str | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return the references of both versions, what to look at, who asked, and the run's key."""
        project = load_project(self.project, settings.projects_dir)
        named = json.loads(self.columns or "[]") if isinstance(self.columns, str) else list(self.columns)
        return {
            "data": _reference(settings, project, self.version) or data.latest_version(settings, project, "dev"),
            "part": self.part,
            "columns": [str(one) for one in named],
            "sample": int(self.sample),
            "seed": int(self.seed),
            "compare_with": _reference(settings, project, self.compare_with),
            "author": actor(context),
            "key": key(context),
        }

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Make the profile, and link its page."""
        made = super().work(settings, project, context)
        self.report_url = made["url"]
        return made


def _reference(settings: Settings, project: Project, name: Any) -> dict[str, Any] | None:
    return data.version(settings, project, "dev", str(name).strip()) if str(name or "").strip() else None
