"""Code of projects and its states: development -> confirmed -> applied, and back to confirmed."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from include.ledger import engine
from include.ledger.audit import append
from include.ledger.errors import LedgerRefusal
from include.ledger.models import AuditRow, CodeRow
from include.ledger.records import AuditEntry, CodeVersion
from include.ledger.vouching import code_facts, files_digest

RUNS_IN_OPS = ("confirmed", "applied")


class CodeLedger:
    """The part of the ledger that keeps code and its states."""

    url: str

    def enter_code(
        self,
        project: str,
        files: dict[str, dict[str, str]],
        by: str | None,
        why: str,
        git_commit: str | None = None,
        dirty: bool | None = None,
    ) -> CodeVersion:
        """Keep code as ``development``; code with this content that is known already stays as it is.

        Args:
            project: name of the project.
            files: path -> ``kind`` and ``sha256``.
            by: user name; None is the platform itself.
            why: the reason, for the audit chain.
            git_commit: that is checked out where it lies.
            dirty: whether it differs from that commit.

        Raises:
            LedgerRefusal: there are no files.
        """
        if not files:
            raise LedgerRefusal(f"the code of {project} has no files")
        with engine.writing(self.url) as session:
            return _record(_enter(session, project, files, by, why, git_commit, dirty))

    def confirm_model(
        self, project: str, by: str | None, details: dict[str, Any], code: str | None = None
    ) -> tuple[AuditEntry, CodeVersion | None]:
        """Write that a model version is confirmed, and confirm the code that it was trained with: both or none.

        Args:
            project: name of the project.
            by: who confirms.
            details: ``version``, ``why`` and whatever else the audit entry shall say.
            code: digest of entered code; None where nobody knows it.

        Raises:
            LedgerRefusal: the code was not entered.
        """
        with engine.writing(self.url) as session:
            entry = append(session, by, "model.confirm", f"model {project}", {**details, "code": code})
            if code is None:
                return entry, None
            row = _get(session, project, code)
            if row.state == "development":
                _change(session, row, "confirmed", by, f"model version {details['version']} is confirmed: {details['why']}")
            return entry, _record(row)

    def code(self, project: str, digest: str) -> CodeVersion | None:
        """Return the code of a project with this digest; None where it was never entered."""
        with engine.reading(self.url) as session:
            row = session.get(CodeRow, (project, digest))
            return _record(row) if row else None

    def codes(self, project: str) -> list[CodeVersion]:
        """Return all code of a project, oldest first."""
        with engine.reading(self.url) as session:
            rows = session.scalars(select(CodeRow).where(CodeRow.project == project).order_by(CodeRow.number))
            return [_record(row) for row in rows]

    def code_history(self, project: str, digest: str) -> list[AuditEntry]:
        """Return every change of a code's state, oldest first; ``details`` hold ``was``, ``state`` and ``why``."""
        query = select(AuditRow).where(AuditRow.subject == _subject(project, digest)).order_by(AuditRow.seq)
        with engine.reading(self.url) as session:
            return [
                AuditEntry(one.seq, one.at, one.actor, one.action, one.subject, one.details, one.previous, one.hash)
                for one in session.scalars(query)
            ]


def apply_code(session: Session, project: str, digest: str | None, by: str | None, why: str) -> None:
    """Make code the applied one of its project, within the caller's transaction; the one before is confirmed again.

    Raises:
        LedgerRefusal: it was not entered, or not confirmed.
    """
    row = _get(session, project, digest) if digest else None
    if row is not None and row.state not in RUNS_IN_OPS:
        text = f"the code {row.digest} of {project} is in {row.state}: confirm a model that was trained with it first"
        raise LedgerRefusal(text, project=project, digest=row.digest)
    for other in session.scalars(select(CodeRow).where(CodeRow.project == project, CodeRow.state == "applied")):
        if other.digest != digest:
            _change(session, other, "confirmed", by, why)
    if row is not None and row.state != "applied":
        _change(session, row, "applied", by, why)


def _enter(
    session: Session,
    project: str,
    files: dict[str, dict[str, str]],
    by: str | None,
    why: str,
    git_commit: str | None,
    dirty: bool | None,
) -> CodeRow:
    digest = files_digest(files)
    known = session.get(CodeRow, (project, digest))
    if known is not None:
        return known
    last = session.scalar(select(func.max(CodeRow.number)).where(CodeRow.project == project)) or 0
    row = CodeRow(project=project, digest=digest, number=last + 1, files=files, git_commit=git_commit, dirty=dirty)
    row.state = "development"
    facts = {**code_facts(row), "was": None, "why": why, "files": len(files), "git_commit": git_commit, "dirty": dirty}
    entry = append(session, by, "code.enter", _subject(project, digest), facts)
    row.by, row.at, row.audit_seq = entry.actor, datetime.now(UTC), entry.seq
    session.add(row)
    session.flush()
    return row


def _change(session: Session, row: CodeRow, state: str, by: str | None, why: str) -> None:
    was, row.state = row.state, state
    action = {"confirmed": "code.confirm" if was == "development" else "code.replace", "applied": "code.apply"}[state]
    entry = append(session, by, action, _subject(row.project, row.digest), {**code_facts(row), "was": was, "why": why})
    row.by, row.at, row.audit_seq = entry.actor, datetime.now(UTC), entry.seq
    row.confirmed_at = row.confirmed_at or row.at
    session.flush()


def _get(session: Session, project: str, digest: str) -> CodeRow:
    row = session.get(CodeRow, (project, digest))
    if row is None:
        text = f"the ledger knows no code {digest} of {project}: it is entered when a model trained with it is registered"
        raise LedgerRefusal(text, project=project, digest=digest)
    return row


def _subject(project: str, digest: str) -> str:
    return f"code {project} {digest}"


def _record(row: CodeRow) -> CodeVersion:
    return CodeVersion(**{one.name: getattr(row, one.name) for one in fields(CodeVersion)})
