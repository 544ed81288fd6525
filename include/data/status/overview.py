"""The status of one zone of a project, from what the documents say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from include.clients.lakefs import DataError, DataNotFound
from include.data.records import Records, open_repository, records
from include.data.status import counts
from include.data.versions import document
from include.projects import Project
from include.settings import Settings, Zone


def status(settings: Settings, project: Project, zone: Zone) -> dict[str, Any]:
    """Return how much data a zone of a project has, of what, in which state, how well labelled and how good.

    Fast also with thousands of rounds: documents are read, contents never, and what was read before is remembered.

    Args:
        settings: the data server.
        project: whose data.
        zone: of which repository.

    Returns:
        ``project``, ``title``, ``zone``, ``repository``, ``commit`` (of main, None where nothing was ever collected), ``at``,
        ``problem`` (None, or why there are no numbers: the data server does not answer, no credential), and, as
        `include.data.status.counts` tells, ``totals``, ``states``, ``classes``, ``labelling``, ``quality``, ``rounds``,
        ``versions``, ``splits``, ``sources`` and ``growth``, oldest first.
    """
    problem, newest = None, None
    try:
        found = records(settings, project, zone)
        newest = _newest(settings, project, zone, found)
    except DataError as cause:
        problem, found = str(cause), Records(project.repositories[zone], zone, None)
    return {
        "project": project.name,
        "title": project.title,
        "zone": zone,
        "repository": found.repository,
        "commit": found.commit,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "problem": problem,
        "totals": counts.totals(found),
        "states": counts.states(found),
        "classes": counts.classes(found, project.classes, newest),
        "labelling": counts.labelling(found),
        "quality": counts.quality(found),
        "rounds": counts.rounds(found),
        "versions": found.versions,
        "splits": found.splits,
        "sources": counts.sources(found),
        "growth": counts.growth(found),
    }


def lines(told: dict[str, Any]) -> list[str]:
    """Return a status in a few lines, for a log."""
    if told["problem"]:
        return [f"{told['repository']}: no numbers: {told['problem']}"]
    totals, labelling = told["totals"], told["labelling"]
    found = [
        f"{told['repository']}: {totals['rounds']} rounds, {totals['items']} items, {totals['bytes']} bytes,"
        f" {totals['versions']} versions, {totals['splits']} splits",
        "states: " + ", ".join(f"{one['state']} {one['items']} ({one['of']})" for one in told["states"]),
    ]
    if told["classes"]:
        named = ", ".join(
            f"{one['class']} {one['raw'] if one['version'] is None else one['version']}" for one in told["classes"][:20]
        )
        more = f", and {len(told['classes']) - 20} more" if len(told["classes"]) > 20 else ""
        found.append(f"classes: {named}{more}")
    if labelling["version"]:
        found.append(f"labelled: {labelling['labelled']} of {labelling['items']} in {labelling['version']}")
    return found


def _newest(settings: Settings, project: Project, zone: Zone, found: Records) -> dict[str, Any] | None:
    if not found.versions:
        return None
    newest = found.versions[-1]
    try:
        return document(open_repository(settings, project, zone), newest["commit"], newest["version"])
    except (DataNotFound, ValueError):
        return None
