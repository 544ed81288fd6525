"""Online features: the newest values of each entity in the ledger's database, looked up by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from include.data.features import keys
from include.data.features.definition import find_view
from include.data.features.errors import FeatureError, NotOnline
from include.data.features.offline import FeatureRef, table_of
from include.ledger import Ledger
from include.projects import Project
from include.projects.feature_views import FeatureView
from include.settings import Settings

_REF = ("repository", "zone", "commit", "path", "view", "definition", "version", "digest", "last_at")


def materialise(settings: Settings, project: Project, view: str, ref: FeatureRef, author: str) -> dict[str, Any]:
    """Bring the newest values of each entity online, all or none; newer ones that are there stay.

    Args:
        settings: the data server and the ledger.
        project: whose view it is.
        view: its name.
        ref: of the computed features.
        author: who does it; kept in the audit entry.

    Returns:
        ``written``, ``older`` (left, because newer values were online), ``removed`` (of another definition of the
        view), ``rows`` (all that are online now), and ``new``: false where these features were online already.

    Raises:
        FeatureError: the features are of another view.
        NotOnline: the view keeps no online values.
        IntegrityError: the kept features are not what was computed.
        include.ledger.LedgerError: the ledger cannot be reached, or refuses to go back behind another definition.
    """
    about = find_view(project, view)
    if ref["view"] != view:
        raise FeatureError(f"project {project.name}", f"features of view {ref['view']} were given for {view}", "Give those of it")
    if not about.online:
        raise NotOnline(f"feature view {view}", "it has online: false", "Say online: true in project.yaml to look it up online")
    known = {name: ref[name] for name in _REF}
    rows = _newest(*table_of(settings, ref))
    return Ledger(settings.ledger()).put_features(project.name, view, ref["definition"], ref["version"], known, rows, author)


def online(
    settings: Settings, project: Project, names: str | Sequence[str], entity_keys: Sequence[Any], now: datetime | None = None
) -> list[dict[str, Any]]:
    """Look up the newest features of entities, one query a view.

    Args:
        settings: the ledger.
        project: whose views they are.
        names: one view, or several of the same entity.
        entity_keys: for each entity its key values by name; where there is one key alone, its value will do.
        now: what age is counted from; the present where not given.

    Returns:
        For each entity ``entity`` (its keys) and ``views``: by view ``found``, ``features`` by name (None where
        there are none), ``event_at`` (since when they hold), ``age_s``, ``stale`` (older than the time to live; also
        where nothing was found), ``definition`` and ``version``.

    Raises:
        UnknownView: there is no such view.
        KeyProblem: no entity can have such a key.
        NotOnline: nothing was brought online of a view.
        include.ledger.LedgerError: the ledger cannot be reached.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    views = {name: find_view(project, name) for name in wanted}
    if len({tuple(view.keys.items()) for view in views.values()}) > 1:
        raise FeatureError(f"views {', '.join(wanted)}", "they have different keys", "Look views of different entities up apart")
    if not views:
        return []
    first = next(iter(views.values()))
    entities = [keys.values(first, entity, row) for row, entity in enumerate(entity_keys)]
    texts = [keys.dump(entity) for entity in entities]
    now = now or datetime.now(UTC)
    found = [{"entity": entity, "views": {}} for entity in entities]
    for name, view in views.items():
        kept = _ledger(settings.ledger()).features_of(project.name, name, texts)
        if kept is None:
            advice = f"Start the pipeline {project.name}.features" if view.online else "Say online: true in project.yaml"
            raise NotOnline(f"project {project.name}, feature view {name}", "nothing of it is online", advice)
        definition, version, values = kept
        for one, text in zip(found, texts, strict=True):
            one["views"][name] = _shown(values.get(text), view, now) | {"definition": definition, "version": version}
    return found


@lru_cache(maxsize=8)
def _ledger(url: str) -> Ledger:
    return Ledger(url)


def _shown(values: tuple[dict[str, Any], datetime] | None, view: FeatureView, now: datetime) -> dict[str, Any]:
    if values is None:
        return {"found": False, "features": None, "event_at": None, "age_s": None, "stale": True}
    features, at = values
    age = (now - at).total_seconds()
    stale = view.ttl_hours is not None and age > view.ttl_hours * 3600
    return {"found": True, "features": features, "event_at": at.isoformat(), "age_s": round(age, 3), "stale": stale}


def _newest(view: FeatureView, table: Any) -> Iterator[tuple[str, dict[str, Any], datetime]]:
    """Yield key, features and time of the last row of each entity; rows are in the order of time."""
    import pyarrow as pa

    names = list(view.keys)
    numbered = table.select(names).append_column("row", pa.array(range(table.num_rows), pa.int64()))
    last = numbered.group_by(names).aggregate([("row", "max")])["row_max"]
    chosen = table.take(last)
    columns = [chosen[name].to_pylist() for name in view.features]
    for feature, column in zip(view.features.items(), columns, strict=True):
        if feature[1].type == "time":
            column[:] = [value and value.isoformat() for value in column]
    rows = zip(*columns, strict=True)
    entities = zip(*(chosen[name].to_pylist() for name in names), strict=True)
    for entity, row, at in zip(entities, rows, chosen[view.timestamp].to_pylist(), strict=True):
        yield keys.dump(dict(zip(names, entity, strict=True))), dict(zip(view.features, row, strict=True)), at
