"""Alerts: one open alert a cause, counted when it is seen again."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from include.ledger import engine
from include.ledger.audit import append
from include.ledger.errors import LedgerRefusal
from include.ledger.models import AlertRow
from include.ledger.records import Alert


class AlertLedger:
    """The part of the ledger that keeps alerts."""

    url: str

    def raise_alert(
        self, project: str, kind: str, key: str, severity: str, message: str, details: dict[str, Any] | None = None
    ) -> Alert:
        """Open an alert, or count the open one with the same ``key``.

        A first sighting is an audit entry; a repetition only raises ``count`` and ``last_seen``, for a cause that
        is seen every second must not fill the chain.

        Args:
            project: name of the project.
            kind: such as ``drift``.
            key: what makes two sightings the same cause, such as ``drift:digits-r0001``.
            severity: ``info``, ``warning`` or ``critical``.
            message: one line for people.
            details: JSON-able facts, kept as they were at the first sighting.

        Returns:
            The alert; ``new`` is true at the first sighting.
        """
        now = datetime.now(UTC)
        with engine.writing(self.url) as session:
            query = select(AlertRow).where(AlertRow.project == project, AlertRow.key == key, AlertRow.state == "open")
            row = session.scalar(query)
            if row is not None:
                row.count, row.last_seen = row.count + 1, now
                return _alert(row)
            row = AlertRow(
                project=project,
                kind=kind,
                key=key,
                severity=severity,
                message=message,
                details=details or {},
                state="open",
                count=1,
                first_seen=now,
                last_seen=now,
            )
            session.add(row)
            session.flush()
            facts = {"kind": kind, "key": key, "severity": severity, "message": message, "details": row.details}
            append(session, None, "alert.open", _subject(row), facts)
            return _alert(row, new=True)

    def alert(self, alert_id: int) -> Alert:
        """Return one alert.

        Raises:
            LedgerRefusal: no such alert.
        """
        with engine.reading(self.url) as session:
            return _alert(_get(session, alert_id))

    def alerts(self, project: str, state: str | None = None) -> list[Alert]:
        """Return a project's alerts, only ``open`` or ``closed`` ones where ``state`` says so, oldest first."""
        query = select(AlertRow).where(AlertRow.project == project).order_by(AlertRow.id)
        with engine.reading(self.url) as session:
            return [_alert(row) for row in session.scalars(query if state is None else query.where(AlertRow.state == state))]

    def update_alert(self, alert_id: int, **details: Any) -> Alert:
        """Merge ``details`` into an alert's details, such as the link of its report.

        Raises:
            LedgerRefusal: no such alert, or a value is not JSON-able.
        """
        with engine.writing(self.url) as session:
            row = _get(session, alert_id)
            merged = row.details | details
            if merged != row.details:
                row.details = merged
                append(session, None, "alert.update", _subject(row), details)
            return _alert(row)

    def close_alert(self, alert_id: int, by: str | None, reason: str) -> Alert:
        """Close an alert; again changes nothing. The same cause opens a new one afterwards.

        Raises:
            LedgerRefusal: no such alert.
        """
        with engine.writing(self.url) as session:
            row = _get(session, alert_id)
            if row.state == "open":
                entry = append(session, by, "alert.close", _subject(row), {"reason": reason, "count": row.count})
                row.state, row.closed_reason = "closed", reason
                row.closed_by, row.closed_at = entry.actor, datetime.fromisoformat(entry.at)
            return _alert(row)


def _get(session: Session, alert_id: int) -> AlertRow:
    row = session.get(AlertRow, alert_id)
    if row is None:
        raise LedgerRefusal(f"the ledger knows no alert {alert_id!r}: look at the project's alerts", alert_id=alert_id)
    return row


def _subject(row: AlertRow) -> str:
    return f"alert {row.id}"


def _alert(row: AlertRow, new: bool = False) -> Alert:
    return Alert(**{f.name: getattr(row, f.name) for f in fields(Alert) if f.name != "new"}, new=new)
