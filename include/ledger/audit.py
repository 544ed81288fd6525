"""The audit chain: every change and decision, each entry carrying the hash of the one before.

What `AuditLedger.verify_audit` finds: an entry altered, removed, inserted or swapped; entries cut off at the
end (the head row keeps count and hash); an approval, a seal or a deployment whose row differs from what the
chain says about it. What no chain inside a database can find: someone who may write every table and computes
all later hashes and the head again. Against that, note the head (``count:hash``) outside the ledger from time
to time and give it to the check as ``anchor``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from include.ledger import engine
from include.ledger.canonical import canonical_json
from include.ledger.errors import LedgerError, LedgerRefusal
from include.ledger.models import AuditHead, AuditRow
from include.ledger.records import AuditCheck, AuditEntry
from include.ledger.vouching import first_unvouched

START = "0" * 64  # what the first entry names as the hash before it
NOBODY = "devmlops"


class AuditLedger:
    """The part of the ledger that keeps the audit chain."""

    url: str

    def audit(self, actor: str | None, action: str, subject: str, details: dict[str, Any]) -> AuditEntry:
        """Append an entry.

        Args:
            actor: user name of who did it; None is the platform itself.
            action: what was done, such as ``release.seal``.
            subject: what it was done to, such as a release id.
            details: JSON-able facts; no secrets, the chain can never be cleaned of them.

        Raises:
            LedgerRefusal: ``details`` is not JSON-able.
            LedgerError: the ledger cannot be reached.
        """
        with engine.writing(self.url) as session:
            return append(session, actor, action, subject, details)

    def audit_entries(self, subject: str | None = None, limit: int = 100) -> list[AuditEntry]:
        """Return the last ``limit`` entries, of ``subject`` where one is given, oldest first."""
        query = select(AuditRow).order_by(AuditRow.seq.desc()).limit(limit)
        with engine.reading(self.url) as session:
            rows = session.scalars(query if subject is None else query.where(AuditRow.subject == subject)).all()
            return [_entry(row) for row in reversed(rows)]

    def verify_audit(self, anchor: str | None = None) -> AuditCheck:
        """Compute the whole chain again and name the first entry that does not fit.

        Args:
            anchor: ``count:hash`` that an earlier check gave; the chain must still contain it.
        """
        with engine.reading(self.url) as session:
            head = session.get(AuditHead, 1)
            rows = session.scalars(select(AuditRow).order_by(AuditRow.seq).execution_options(yield_per=1000))
            count, bad, reason, last = _walk(rows, anchor)
            if bad is None and (head is None or (head.count, head.hash) != (count, last)):
                known = f"{head.count} entries" if head else "nothing"
                bad = count if head and head.count == count else min(head.count if head else count, count) + 1
                reason = f"the chain ends after entry {count} but its head row says {known}: the end was cut off or added to"
            if bad is None:
                bad, reason = first_unvouched(session)
            return AuditCheck(bad is None, count, bad, reason or "the chain is whole", f"{count}:{last}")


def append(session: Session, actor: str | None, action: str, subject: str, details: dict[str, Any]) -> AuditEntry:
    """Append an entry within the caller's writing transaction.

    Raises:
        LedgerRefusal: ``details`` is not JSON-able.
        LedgerError: the ledger was never migrated.
    """
    head = session.get(AuditHead, 1)
    if head is None:
        raise LedgerError("the ledger has no head row: run `python -m include.ledger migrate`")
    row = AuditRow(
        seq=head.count + 1,
        at=datetime.now(UTC).isoformat(timespec="microseconds"),
        actor=actor or NOBODY,
        action=action,
        subject=subject,
        details=details,
        previous=head.hash,
    )
    try:
        row.hash = entry_hash(row)
    except ValueError as cause:
        raise LedgerRefusal(f"audit entry {action!r} of {subject!r} cannot be written: {cause}") from cause
    head.count, head.hash = row.seq, row.hash
    session.add(row)
    session.flush()
    return _entry(row)


def entry_hash(row: AuditRow) -> str:
    """Return the hexadecimal SHA-256 of an entry's canonical JSON without its own hash."""
    fields = ("seq", "at", "actor", "action", "subject", "details", "previous")
    return hashlib.sha256(canonical_json({name: getattr(row, name) for name in fields})).hexdigest()


def _walk(rows: Iterator[AuditRow], anchor: str | None) -> tuple[int, int | None, str, str]:
    """Return entries that fit, first bad seq, reason, and the hash of the last one that fits."""
    anchor_count, _, anchor_hash = (anchor or "0:" + START).partition(":")
    if not anchor_count.isdigit():
        raise LedgerRefusal(f"the anchor {anchor!r} is not count:hash as an earlier check printed it")
    last, count = START, 0
    for row in rows:
        expected = count + 1
        if row.seq != expected:
            return count, min(expected, row.seq), f"entry {expected} is missing: the next one is {row.seq}", last
        if row.previous != last:
            return count, row.seq, f"entry {row.seq} does not follow entry {count}: one of them was replaced or inserted", last
        if row.hash != entry_hash(row):
            return count, row.seq, f"entry {row.seq} was altered: its hash does not fit its content", last
        count, last = expected, row.hash
        if count == int(anchor_count) and last != anchor_hash:
            return count - 1, count, f"entry {count} is not the one that the anchor names: the chain was written anew", last
    if count < int(anchor_count):
        return count, count + 1, f"the anchor names entry {anchor_count} but the chain ends after {count}: it was cut off", last
    return count, None, "", last


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.seq, row.at, row.actor, row.action, row.subject, row.details, row.previous, row.hash)
