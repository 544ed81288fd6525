"""People's answers, each bound to one digest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from include.ledger import engine
from include.ledger.audit import append
from include.ledger.errors import LedgerRefusal
from include.ledger.models import ApprovalRow
from include.ledger.records import Approval, Decision
from include.ledger.releases import get_release
from include.ledger.vouching import approval_facts


class ApprovalLedger:
    """The part of the ledger that keeps approvals."""

    url: str

    def record_approval(
        self,
        release_id: str,
        digest: str,
        step: str,
        decision: Decision,
        by: str | None,
        reason: str,
        source: dict[str, Any],
        valid_hours: float,
    ) -> Approval:
        """Record one answer; the same answer (release, digest, step, ``source``) again changes nothing.

        Args:
            release_id: the release that was asked about.
            digest: the digest that the person saw.
            step: name of the project's approval step.
            decision: ``approved`` or ``refused``.
            by: user name; None where nobody answered.
            reason: the person's words, or why the platform refused.
            source: where the answer was given, such as the Airflow task instance and the time.
            valid_hours: how long it counts, from now on.

        Raises:
            LedgerRefusal: no such release, an unknown decision, or ``source`` is not JSON-able.
        """
        if decision not in ("approved", "refused"):
            raise LedgerRefusal(f"decision {decision!r} of step {step!r}: say approved or refused", release_id=release_id)
        now = datetime.now(UTC)
        with engine.writing(self.url) as session:
            get_release(session, release_id)
            query = select(ApprovalRow).where(
                ApprovalRow.release_id == release_id, ApprovalRow.digest == digest, ApprovalRow.step == step
            )
            for known in session.scalars(query):
                if (known.decision, known.by, known.source) == (decision, by or "", source):
                    return _approval(known)
            row = ApprovalRow(
                release_id=release_id,
                digest=digest,
                step=step,
                decision=decision,
                by=by or "",
                reason=reason,
                source=source,
                at=now,
                expires_at=now + timedelta(hours=valid_hours),
            )
            row.audit_seq = append(session, by, f"approval.{decision}", release_id, approval_facts(row)).seq
            session.add(row)
            session.flush()
            return _approval(row)

    def approvals(self, release_id: str) -> list[Approval]:
        """Return all answers about a release, oldest first."""
        with engine.reading(self.url) as session:
            query = select(ApprovalRow).where(ApprovalRow.release_id == release_id).order_by(ApprovalRow.id)
            return [_approval(row) for row in session.scalars(query)]


def _approval(row: ApprovalRow) -> Approval:
    return Approval(
        row.id,
        row.release_id,
        row.digest,
        row.step,
        row.decision,
        row.by,
        row.reason,
        row.source,
        row.at,
        row.expires_at,
        row.used_by,
    )
