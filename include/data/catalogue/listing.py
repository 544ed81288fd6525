"""What each owner has: data repositories, project.yaml, MLflow and the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.clients.lakefs import DataError
from include.data import rounds
from include.data.lineage import asked, assets
from include.data.records import Document, Records, records
from include.projects import Project
from include.projects.content import TableContent
from include.settings import Settings, Zone

Listed = dict[str, Any]  # the fields of an `Asset` that differ from its defaults
ZONES: tuple[Zone, ...] = ("dev", "ops")
ROLES = ("key", "content", "label", "taken_at", "group")  # of the fields that a source names


def data_assets(settings: Settings, project: Project, problems: list[str]) -> Iterator[Listed]:
    """Yield rounds, versions, bundles and splits of both zones."""
    make, columns = assets.Nodes(settings, project), project_columns(project)
    for zone in ZONES:
        if closed := _closed(settings, zone):
            problems += [] if closed in problems else [closed]  # once, not for each project
            continue
        try:
            found = records(settings, project, zone)
        except DataError as cause:
            problems.append(f"Data of {project.name} in the {zone} zone is missing here: {cause}")
            continue
        for one in found.rounds:
            yield {**_round(make.round(found, one), one), "columns": list(dict.fromkeys([*columns, *one["columns"]]))}
        for version in found.versions:
            yield {**_version(make, found, version), "columns": columns}
        for split in found.splits:
            node = make.split(found, split)
            told = {"state": "split", "count": split["count"], "description": f"{split['method']} split of {split['version']}"}
            yield {**_common(node), **told, "columns": columns}


def feature_views(settings: Settings, project: Project, problems: list[str]) -> Iterator[Listed]:
    """Yield the feature views of project.yaml."""
    for name, view in project.feature_views.items():
        yield {
            "id": f"{project.name}/features/{name}",
            "name": name,
            "kind": "feature view",
            "owner": view.owner or project.owner,
            "state": "online" if view.online else "offline",
            "columns": [*view.keys, view.timestamp, *view.features],
            "tags": list(view.tags),
            "description": view.description or f"features of {view.entity}",
        }


def engine_assets(settings: Settings, project: Project, problems: list[str]) -> Iterator[Listed]:
    """Yield registered models and releases."""
    engines, make = asked(settings, project), assets.Nodes(settings, project)
    problems += [f"{project.name}: {problem}" for problem in engines.problems]
    for model in engines.models:
        told = "confirmed" if model["confirmed"] else "not confirmed"
        yield {**_common(make.model(model)), "state": model["state"], "description": told}
    for release in engines.releases:
        text = f"releases model {release['model']}"
        yield {**_common(make.release(release)), "state": release["state"], "tags": release["routes"], "description": text}


def project_columns(project: Project) -> list[str]:
    """Return the columns of a table's content, or the fields that the project's sources name."""
    content = project.data.content
    if isinstance(content, TableContent):
        return list(content.columns)
    named = [getattr(source, role, None) for source in project.data.sources.values() for role in ROLES]
    flat = [name for one in named for name in (one if isinstance(one, list) else [one])]
    return list(dict.fromkeys(name for name in flat if isinstance(name, str)))


def _closed(settings: Settings, zone: Zone) -> str | None:
    """Return why this process sees nothing of a zone; None where it has a credential that opens it."""
    try:
        settings.data("ops" if zone == "dev" and not settings.data_dev_access_key else zone)
    except ValueError as cause:
        return f"Data of the {zone} zone is missing here: {cause}"
    return None


def _common(node: assets.Node) -> Listed:
    links = {"record": node["link"]} if node["link"] else {}
    return {
        "id": node["id"],
        "name": node["name"],
        "kind": node["kind"],
        "created": node["created"],
        "by": node["by"],
        "links": links,
    }


def _round(node: assets.Node, one: Document) -> Listed:
    refined = any(done.get("table") not in (None, rounds.items_path(one["number"])) for done in one["refined"])
    state = "labelled" if one["kind"] == "labels" else "refined" if refined else "raw"
    return {**_common(node), "state": state, "count": one["count"], "description": f"{one['kind']} round from {one['source']}"}


def _version(make: assets.Nodes, found: Records, one: Document) -> Listed:
    return {**_common(make.version(found, one)), "state": one["state"], "count": one["count"], "description": one["notes"]}
