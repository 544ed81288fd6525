"""What feature views there are, and how old their values are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from include.clients.lakefs import DataError
from include.data import rounds
from include.data.features.definition import definition
from include.data.features.errors import FeatureError
from include.data.features.offline import described, stored
from include.ledger import Ledger, OnlineView
from include.projects import Project, ProjectError, list_projects, load_project
from include.projects.feature_views import FeatureView
from include.settings import Settings, Zone


def search(
    settings: Settings, query: str = "", tags: Sequence[str] = (), entity: str = "", owner: str = ""
) -> list[dict[str, Any]]:
    """Return the views of all projects that fit, by project and name; no server is asked.

    Args:
        settings: where the projects are.
        query: words that must all occur in the names, descriptions, entity, owner or tags of a view or its features.
        tags: that the view must all have.
        entity: that it is about.
        owner: who answers for it.

    Returns:
        For each view project, view, entity, keys, timestamp, features (name, type, description), description, owner,
        tags, online, ttl_hours and definition (None, and ``problem``, where its code cannot be read).
    """
    words = query.casefold().split()
    found = []
    for name in list_projects(settings.projects_dir):
        try:
            project = load_project(name, settings.projects_dir)
        except ProjectError:
            continue  # shown where projects are; the others can still be found
        for view_name, view in project.feature_views.items():
            one = _described(project, view_name, view)
            text = _text(one)
            if (
                all(word in text for word in words)
                and set(tags) <= set(view.tags)
                and entity in ("", view.entity)
                and owner in ("", one["owner"])
            ):
                found.append(one)
    return found


def freshness(settings: Settings, project: Project, zone: Zone = "dev", now: datetime | None = None) -> list[dict[str, Any]]:
    """Return how old each view's values are, offline and online.

    Args:
        settings: the data server and the ledger.
        project: whose views they are.
        zone: where offline features are looked for.
        now: what age is counted from; the present where not given.

    Returns:
        For each view ``view``, ``definition`` (the present one), ``offline``: versions (that the present definition
        was computed for), rows, newest (event time) and age_s of the last of them, or ``problem``; ``online``: rows,
        newest, age_s, stale, version, written_at, definition and current (whether that is the present definition),
        or None where nothing is online.

    Raises:
        include.ledger.LedgerError: the ledger cannot be reached.
    """
    if not project.feature_views:
        return []
    now = now or datetime.now(UTC)
    there = {one.view: one for one in Ledger(settings.ledger()).online_views(project.name)}
    return [_fresh(settings, project, name, zone, there.get(name), now) for name in project.feature_views]


def _fresh(
    settings: Settings, project: Project, name: str, zone: Zone, there: OnlineView | None, now: datetime
) -> dict[str, Any]:
    try:
        digest = definition(project, name)
        offline = _offline(settings, project, name, digest, zone, now)
    except DataError as cause:
        digest, offline = None, {"problem": str(cause)}
    return {"view": name, "definition": digest, "offline": offline, "online": _online(project, name, digest, there, now)}


def _offline(settings: Settings, project: Project, name: str, digest: str, zone: Zone, now: datetime) -> dict[str, Any]:
    repo = rounds.repository(settings, project, zone)
    versions = stored(repo, name, digest)
    if not versions:
        return {"versions": [], "rows": 0, "newest": None, "age_s": None}
    last = described(repo, name, digest, versions[-1])
    newest = last["last_at"] and datetime.fromisoformat(last["last_at"])
    return {"versions": versions, "rows": last["count"], "newest": last["last_at"], "age_s": _age(newest, now)}


def _online(project: Project, name: str, digest: str | None, there: OnlineView | None, now: datetime) -> dict[str, Any] | None:
    if there is None:
        return None
    ttl, age = project.feature_views[name].ttl_hours, _age(there.newest, now)
    return {
        "rows": there.rows,
        "newest": there.newest and there.newest.isoformat(),
        "age_s": age,
        "stale": age is None or (ttl is not None and age > ttl * 3600),
        "version": there.version,
        "written_at": there.written_at.isoformat(),
        "definition": there.definition,
        "current": there.definition == digest,
    }


def _age(at: datetime | None, now: datetime) -> float | None:
    return round((now - at).total_seconds(), 3) if at else None


def _described(project: Project, name: str, view: FeatureView) -> dict[str, Any]:
    try:
        digest: dict[str, Any] = {"definition": definition(project, name)}
    except FeatureError as cause:
        digest = {"definition": None, "problem": str(cause)}
    return {
        "project": project.name,
        "view": name,
        "entity": view.entity,
        "keys": view.keys,
        "timestamp": view.timestamp,
        "features": [{"name": feature, **about.model_dump()} for feature, about in view.features.items()],
        "description": view.description,
        "owner": view.owner or project.owner,
        "tags": view.tags,
        "online": view.online,
        "ttl_hours": view.ttl_hours,
        **digest,
    }


def _text(one: dict[str, Any]) -> str:
    parts = [one["project"], one["view"], one["entity"], one["description"], one["owner"], *one["keys"], *one["tags"]]
    parts += [text for feature in one["features"] for text in (feature["name"], feature["description"])]
    return "\n".join(parts).casefold()
