"""Searching: the assets are asked of their owners each time; only people's tags and descriptions are kept here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from include.data.catalogue.listing import Listed, data_assets, engine_assets, feature_views
from include.data.lineage import UnknownAsset
from include.ledger import Ledger, LedgerError
from include.projects import ProjectError, list_projects, load_project
from include.settings import Settings

KINDS = ("round", "labels", "dictionary", "version", "bundle", "split", "feature view", "model", "release")


@dataclass(frozen=True)
class Asset:
    """One asset.

    Attributes:
        id: such as ``digits-dev/versions/v1``; the same as in lineage.
        name: for people.
        kind: one of `KINDS`.
        project: whose it is.
        owner: who answers for it.
        state: raw, refined, labelled, split; of a model training, dev_deployed, production, idle; of a release its own.
        created: when, ISO 8601; empty for a feature view.
        by: who made it.
        count: items, labels or rows; None where nothing is counted.
        columns: names of columns or fields.
        tags: people's, and those of a feature view's definition.
        description: people's, before the one that it was made with.
        links: addresses by name.
    """

    id: str
    name: str
    kind: str
    project: str
    owner: str
    state: str = ""
    created: str = ""
    by: str = ""
    count: int | None = None
    columns: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    description: str = ""
    links: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)


class Found(list[Asset]):
    """Assets, and what could not be searched.

    Attributes:
        problems: which owner did not answer, and what is missing because of it.
    """

    def __init__(self, assets: Iterable[Asset] = (), problems: Iterable[str] = ()) -> None:
        super().__init__(assets)
        self.problems = list(problems)


def search(
    settings: Settings,
    text: str = "",
    kind: str | None = None,
    owner: str | None = None,
    tag: str | None = None,
    column: str | None = None,
    state: str | None = None,
    project: str | None = None,
) -> Found:
    """Return the assets of all projects that fit, by project and kind, newest first; capitals count nowhere.

    Args:
        settings: projects, data servers, MLflow and ledger. What does not answer is named in ``problems`` of the result, and
            the rest is found all the same.
        text: words that must all occur in the id, name, description, tags, columns, owner, maker or state.
        kind: one of `KINDS`.
        owner: who answers for it or made it.
        tag: that it has.
        column: that it has, by its whole name.
        state: that it is in.
        project: search one alone.

    Raises:
        UnknownAsset: there is no such kind or project.
    """
    known = list_projects(settings.projects_dir)
    if kind is not None and kind not in KINDS:
        raise UnknownAsset("catalogue", f"there is no kind {kind!r}", f"Kinds: {', '.join(KINDS)}")
    if project is not None and project not in known:
        raise UnknownAsset("catalogue", f"there is no project {project!r}", f"Projects: {', '.join(known) or 'none'}")
    found = Found()
    notes = _notes(settings, found.problems)
    words = text.casefold().split()
    for name in known if project is None else [project]:
        mine = [_noted(one, notes) for one in _listed(settings, name, kind, found.problems)]
        fitting = [
            one
            for one in mine
            if (kind is None or one.kind == kind)
            and (owner is None or _same(owner, (one.owner, one.by)))
            and (tag is None or _same(tag, one.tags))
            and (column is None or _same(column, one.columns))
            and (state is None or _same(state, (one.state,)))
            and (not words or all(word in _text(one) for word in words))
        ]
        fitting.sort(key=lambda one: (one.created, one.id), reverse=True)
        found += sorted(fitting, key=lambda one: KINDS.index(one.kind))
    return found


def find(settings: Settings, asset_id: str) -> Asset:
    """Return one asset by its id.

    Raises:
        UnknownAsset: there is none, or it cannot be seen from here.
    """
    head = asset_id.partition("/")[0]
    names = [name for name in list_projects(settings.projects_dir) if head in _heads(name)]
    problems: list[str] = []
    for name in names:
        found = search(settings, project=name)
        problems += found.problems
        for one in found:
            if one.id == asset_id:
                return one
    missing = f" ({'; '.join(problems)})" if problems else ""
    advice = "Search for it: python -m include.data.catalogue search"
    raise UnknownAsset("catalogue", f"there is no asset {asset_id!r}{missing}", advice)


def _listed(settings: Settings, name: str, kind: str | None, problems: list[str]) -> Iterator[Asset]:
    """Yield what a project has, asking only the owners of what is wanted."""
    try:
        project = load_project(name, settings.projects_dir)
    except ProjectError as cause:
        problems.append(f"Project {name} is missing here: {cause}")
        return
    listed: Iterator[Listed]
    for kinds, listing in (
        (("round", "labels", "dictionary", "version", "bundle", "split"), data_assets),
        (("feature view",), feature_views),
        (("model", "release"), engine_assets),
    ):
        if kind is None or kind in kinds:
            listed = listing(settings, project, problems)
            yield from (Asset(project=name, **{"owner": project.owner, **one}) for one in listed)


def _notes(settings: Settings, problems: list[str]) -> dict[str, Any]:
    try:
        return dict(Ledger(settings.ledger()).asset_notes())
    except LedgerError as cause:
        problems.append(f"Tags and descriptions of people are missing here: {cause}")
        return {}


def _noted(one: Asset, notes: dict[str, Any]) -> Asset:
    note = notes.get(one.id)
    if note is None:
        return one
    tags = sorted({*one.tags, *note.tags})
    return Asset(**{**asdict(one), "tags": tags, "description": note.description or one.description})


def _same(wanted: str, given: Iterable[str]) -> bool:
    return wanted.casefold() in (one.casefold() for one in given)


def _text(one: Asset) -> str:
    parts = (one.id, one.name, one.kind, one.description, one.owner, one.by, one.state, *one.tags, *one.columns)
    return "\n".join(parts).casefold()


def _heads(project: str) -> tuple[str, ...]:
    base = project.replace("_", "-")
    return project, f"{base}-dev", f"{base}-ops"
