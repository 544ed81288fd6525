"""Environments of jobs: every definition that a name ever had."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from include.ledger import engine
from include.ledger.audit import append
from include.ledger.errors import LedgerRefusal
from include.ledger.models import EnvironmentRow
from include.ledger.records import EnvironmentVersion


class EnvironmentLedger:
    """The part of the ledger that keeps environments."""

    url: str

    def put_environment(self, name: str, definition: dict[str, Any], by: str | None) -> EnvironmentVersion:
        """Write a definition as the next version of ``name``; the one that it has already changes nothing."""
        with engine.writing(self.url) as session:
            newest = _newest(session, name)
            if newest is not None and newest.definition == definition:
                return _record(newest)
            return _add(session, name, definition, by, "environment.put", newest)

    def delete_environment(self, name: str, by: str | None) -> EnvironmentVersion:
        """Take a name out of use; its versions stay, and the next one that is put goes on counting.

        Raises:
            LedgerRefusal: there is no such environment.
        """
        with engine.writing(self.url) as session:
            newest = _newest(session, name)
            if newest is None or newest.definition is None:
                raise LedgerRefusal(f"there is no environment {name!r}")
            return _add(session, name, None, by, "environment.delete", newest)

    def environments(self) -> list[EnvironmentVersion]:
        """Return the newest version of every name in use, in the order of their names."""
        last = select(EnvironmentRow.name, func.max(EnvironmentRow.version).label("version")).group_by(EnvironmentRow.name)
        newest = last.subquery()
        query = select(EnvironmentRow).join(
            newest, (EnvironmentRow.name == newest.c.name) & (EnvironmentRow.version == newest.c.version)
        )
        with engine.reading(self.url) as session:
            rows = session.scalars(query.order_by(EnvironmentRow.name))
            return [_record(row) for row in rows if row.definition is not None]

    def environment_versions(self, name: str) -> list[EnvironmentVersion]:
        """Return all versions of ``name``, oldest first; a deletion is a version without a definition."""
        query = select(EnvironmentRow).where(EnvironmentRow.name == name).order_by(EnvironmentRow.version)
        with engine.reading(self.url) as session:
            return [_record(row) for row in session.scalars(query)]


def _newest(session: Session, name: str) -> EnvironmentRow | None:
    query = select(EnvironmentRow).where(EnvironmentRow.name == name).order_by(EnvironmentRow.version.desc()).limit(1)
    return session.scalars(query).first()


def _add(
    session: Session, name: str, definition: dict[str, Any] | None, by: str | None, action: str, newest: EnvironmentRow | None
) -> EnvironmentVersion:
    version = newest.version + 1 if newest else 1
    entry = append(session, by, action, f"environment {name}", {"version": version, "definition": definition})
    row = EnvironmentRow(
        name=name, version=version, definition=definition, by=entry.actor, at=datetime.now(UTC), audit_seq=entry.seq
    )
    session.add(row)
    session.flush()
    return _record(row)


def _record(row: EnvironmentRow) -> EnvironmentVersion:
    return EnvironmentVersion(**{one.name: getattr(row, one.name) for one in fields(EnvironmentVersion)})
