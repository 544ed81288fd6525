"""Online features: the newest values of each entity, and what each view was filled from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, String, Table, Text, and_, bindparam, column, delete, func, select, table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from include.ledger import engine
from include.ledger.audit import append
from include.ledger.errors import LedgerRefusal
from include.ledger.models import FeatureValueRow, FeatureViewRow, UtcDateTime
from include.ledger.records import OnlineView

Values = tuple[dict[str, Any], datetime]
BATCH = 10_000
_VALUES: Table = FeatureValueRow.__table__  # type: ignore[assignment]
_VIEWS: Table = FeatureViewRow.__table__  # type: ignore[assignment]
# For writing: features are JSON text already, so that the ledger is not locked while they are made.
_TEXTS = table(
    "feature_values",
    column("project", String),
    column("view", String),
    column("entity_key", Text),
    column("features", Text),
    column("event_at", UtcDateTime),
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# One statement, so that view and values are of one moment; built once, its SQL is made once.
_LOOKUP = (
    select(
        _VIEWS.c.definition, _VIEWS.c.version, _VIEWS.c.written_at, _VALUES.c.entity_key, _VALUES.c.features, _VALUES.c.event_at
    )
    .select_from(
        _VIEWS.outerjoin(
            _VALUES,
            and_(
                _VALUES.c.project == _VIEWS.c.project,
                _VALUES.c.view == _VIEWS.c.view,
                _VALUES.c.entity_key.in_(bindparam("keys", expanding=True)),
            ),
        )
    )
    .where(_VIEWS.c.project == bindparam("in_project"), _VIEWS.c.view == bindparam("in_view"))
)


class FeatureLedger:
    """The part of the ledger that keeps online features."""

    url: str

    def put_features(
        self,
        project: str,
        view: str,
        definition: str,
        version: str,
        ref: dict[str, Any],
        rows: Iterable[tuple[str, dict[str, Any], datetime]],
        actor: str | None,
    ) -> dict[str, Any]:
        """Write the newest features of entities, all in one transaction; no value goes back in time.

        The same ``ref`` again changes nothing. Another definition replaces every value of the one before, because
        values of two definitions mean different things.

        Args:
            project: name of the project.
            view: name of the view.
            definition: digest of the view's definition.
            version: the data version that the values come from.
            ref: where they are kept offline.
            rows: one for each entity: its key, features by name, and since when they hold.
            actor: who does it.

        Returns:
            ``written``, ``older`` (left as they are, because newer values are there), ``removed`` (of another
            definition), ``rows`` (all that the view has now), and ``new``: false where nothing was done.

        Raises:
            LedgerRefusal: another definition is online with newer values, or features are no JSON.
        """
        found = [(key, _text(key, features), at) for key, features, at in rows]
        newest = max((at for _, _, at in found), default=None)
        with engine.writing(self.url) as session:
            head = session.get(FeatureViewRow, (project, view))
            if head is not None and head.ref == ref:
                return {"written": 0, "older": 0, "removed": 0, "rows": head.rows, "new": False}
            removed = 0
            if head is not None and head.definition != definition:
                _forward(head, newest, definition)
                removed = _count(session, project, view)
                session.execute(delete(_VALUES).where(_VALUES.c.project == project, _VALUES.c.view == view))
            there = _times(session, project, view)
            newer = [one for one in found if one[0] not in there or there[one[0]] <= one[2]]
            _write(session.connection(), project, view, newer)
            counts = {"written": len(newer), "older": len(found) - len(newer), "removed": removed}
            counts["rows"] = len(there.keys() | {key for key, _, _ in newer})
            details = {**counts, "definition": definition, "version": version, "path": ref.get("path", "")}
            entry = append(session, actor, "features.materialise", f"{project}/{view}", details)
            if head is None:
                head = FeatureViewRow(project=project, view=view, newest=None)
                session.add(head)
            same = head.definition == definition
            before = head.newest if same else None
            if before is None or (newest is not None and newest >= before):
                head.newest, head.version, head.ref = newest, version, ref
            head.definition, head.rows, head.written_at, head.audit_seq = definition, counts["rows"], datetime.now(UTC), entry.seq
            return {**counts, "new": True}

    def features_of(self, project: str, view: str, keys: Sequence[str]) -> tuple[str, str, dict[str, Values]] | None:
        """Return definition, data version, and features with their time by entity key; None where the view is not online.

        Entities without features are left out.
        """
        with engine.reading(self.url) as session:
            rows = session.connection().execute(_LOOKUP, {"in_project": project, "in_view": view, "keys": list(keys)}).all()
        if not rows:
            return None
        return rows[0][0], rows[0][1], {row[3]: (row[4], row[5]) for row in rows if row[3] is not None}

    def online_views(self, project: str | None = None) -> list[OnlineView]:
        """Return the views that are online, of one project where given, by project and name."""
        query = select(FeatureViewRow).order_by(FeatureViewRow.project, FeatureViewRow.view)
        with engine.reading(self.url) as session:
            rows = session.scalars(query if project is None else query.where(FeatureViewRow.project == project)).all()
            return [OnlineView(**{f.name: getattr(row, f.name) for f in fields(OnlineView)}) for row in rows]


def _forward(head: FeatureViewRow, newest: datetime | None, definition: str) -> None:
    if head.newest is not None and (newest is None or newest < head.newest):
        raise LedgerRefusal(
            f"{head.project}/{head.view}: values up to {head.newest.isoformat()} are online, and these of another definition "
            f"end at {newest.isoformat() if newest else 'nothing'}: compute the view for a newer data version",
            definition=definition,
            online=head.definition,
        )


def _count(session: Session, project: str, view: str) -> int:
    where = (_VALUES.c.project == project, _VALUES.c.view == view)
    return session.scalar(select(func.count()).select_from(_VALUES).where(*where)) or 0


def _times(session: Session, project: str, view: str) -> dict[str, datetime]:
    query = select(_VALUES.c.entity_key, _VALUES.c.event_at).where(_VALUES.c.project == project, _VALUES.c.view == view)
    return {key: at for key, at in session.connection().execute(query)}


def _text(key: str, features: dict[str, Any]) -> str:
    try:
        found = _ENCODER.encode(features)
        found.encode()  # lone surrogates are no text
        return found
    except (ValueError, TypeError) as cause:
        raise LedgerRefusal(f"the ledger cannot keep this: features of entity {key[:200]}: {cause}") from cause


def _write(connection: Connection, project: str, view: str, rows: Sequence[tuple[str, str, datetime]]) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(_TEXTS)
    upsert = insert.on_conflict_do_update(
        index_elements=["project", "view", "entity_key"],
        set_={name: insert.excluded[name] for name in ("features", "event_at")},
    )
    for begin in range(0, len(rows), BATCH):
        values = [
            {"project": project, "view": view, "entity_key": key, "features": features, "event_at": at}
            for key, features, at in rows[begin : begin + BATCH]
        ]
        connection.execute(upsert, values)
