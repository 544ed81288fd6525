"""Put old and new data together into one version, as a recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context

from include import data
from include.projects import Project
from include.settings import Settings, Zone
from operators.base import ProjectOperator, actor, key
from operators.data.sheets import _VersionOperator


class MakeBundleOperator(ProjectOperator):
    """Make a version of the ops zone out of what the running model was trained on and one new round.

    Nothing is copied: the bundle is a recipe that names repositories, commits, rounds and items.

    Args:
        round: the merged operating round.

    Returns:
        The version, as `TagVersionOperator` does.
    """

    template_fields: Sequence[str] = ("project", "round")

    def __init__(self, *, round: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.round = round

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Make the bundle; a retry finds the bundle of the try before."""
        from include.training import model_info

        running = model_info(settings, project, "production")
        parts = [{"version": running["data"]}, {"round": self.round}]
        return data.make_bundle(settings, project, key(context), actor(context), parts)


class MakeFilteredBundleOperator(_VersionOperator):
    """Make one version of versions and rounds, whole or by filter.

    Args:
        versions: names of versions as a JSON list; empty together with ``rounds`` takes the newest (templated).
        rounds: numbers of merged rounds as a JSON list (templated).
        filter: which of their items, a mapping of `include.data.filters.Filter` whose values are JSON; null and
            empty lists ask for nothing (templated).
        notes: release notes of the version (templated).
        zone: the data zone that it is made of and made in.

    The version's data sheet is made as well and linked from the task.

    Returns:
        The version, as `TagVersionOperator` does.
    """

    template_fields: Sequence[str] = ("project", "versions", "rounds", "filter", "notes")

    def __init__(
        self,
        *,
        versions: str = "[]",
        rounds: str = "[]",
        filter: Mapping[str, Any] | None = None,
        notes: str = "",
        zone: Zone = "dev",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.versions, self.rounds, self.filter, self.notes, self.zone = versions, rounds, filter, notes, zone

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Make the bundle; a retry finds the bundle of the try before."""
        parts = [*({"version": one} for one in _json(self.versions)), *({"round": one} for one in _json(self.rounds))]
        if not parts:
            parts = [{"version": data.latest_version(settings, project, self.zone)}]
        given = [{"of": parts, "filter": _asked(self.filter or {})}]
        who = actor(context)
        made = data.make_bundle(settings, project, key(context), who, given, self.notes, self.zone)
        self.log.info("%s holds %d items, %d of them with a label", made["version"], made["count"], made["labelled"])
        return self.with_sheet(settings, project, made, who)


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _asked(filter: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a filter that ask for something."""
    found = {name: _asked(value) if isinstance(value, Mapping) else _json(value) for name, value in filter.items()}
    asked = {name: value for name, value in found.items() if value not in (None, "", [], {})}
    return {} if set(asked) == {"seed"} else asked
