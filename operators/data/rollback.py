"""Roll a dataset back to an earlier version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include import data
from include.projects import Project
from include.settings import Settings, Zone
from operators.base import actor, key
from operators.data.sheets import _VersionOperator


class RollBackDataOperator(_VersionOperator):
    """Make a new version with the content of an earlier one; nothing is deleted.

    Args:
        version: name of the earlier version, such as ``v3`` (templated).
        reason: why; it stands in the new version and with each round that it withdraws (templated).
        zone: the data zone.

    The version's data sheet is made as well and linked from the task.

    Returns:
        The new version, as `TagVersionOperator` does, with ``rolled_back_to`` and ``withdrawn`` (numbers of rounds).
    """

    template_fields: Sequence[str] = ("project", "version", "reason")

    def __init__(self, *, version: str, reason: str, zone: Zone = "dev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version, self.reason, self.zone = version, reason, zone

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Roll back; a retry finds the version of the try before."""
        who = actor(context)
        made = data.roll_back(settings, project, self.zone, self.version, key(context), who, self.reason)
        gone = ", ".join(map(str, made["withdrawn"])) or "none"
        self.log.info("%s has the content of %s; rounds left out from now on: %s", made["version"], self.version, gone)
        return self.with_sheet(settings, project, made, who)
