"""Releases: numbered, sealed once, never changed afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from include.ledger import engine
from include.ledger.audit import append
from include.ledger.canonical import digest
from include.ledger.errors import LedgerRefusal
from include.ledger.models import DeploymentRow, ReleaseRow
from include.ledger.records import Release
from include.ledger.vouching import seal_facts


class ReleaseLedger:
    """The part of the ledger that keeps releases."""

    url: str

    def open_release(self, project: str, key: str, authors: list[str], model: dict[str, Any]) -> Release:
        """Return the project's release for ``key``, made with the next number where there is none.

        Args:
            project: name of the project.
            key: what asked for it, such as the Airflow run id; the same key gives the same release.
            authors: user names of who made model or code; none of them may approve.
            model: where its pieces are: name, version, run_id, release_run_id, data.

        Raises:
            LedgerRefusal: ``key`` is known with another model, or a value is not JSON-able.
        """
        authors = sorted(set(authors))
        with engine.writing(self.url) as session:
            row = session.scalar(select(ReleaseRow).where(ReleaseRow.project == project, ReleaseRow.key == key))
            if row is not None:
                _same_model(row, model)
                return _release(row)
            last = session.scalar(select(func.max(ReleaseRow.number)).where(ReleaseRow.project == project)) or 0
            row = ReleaseRow(
                id=f"{project}-r{last + 1:04d}",
                project=project,
                number=last + 1,
                key=key,
                authors=authors,
                model=model,
                state="draft",
                created_at=datetime.now(UTC),
            )
            append(session, ", ".join(authors), "release.open", row.id, {"key": key, "authors": authors, "model": model})
            session.add(row)
            return _release(row)

    def update_release_model(self, release_id: str, **model: Any) -> Release:
        """Merge ``model`` into where a draft's pieces are, such as the ``release_run_id`` that is made after the release.

        Raises:
            LedgerRefusal: no such release, or it is no draft any more and this would change it.
        """
        with engine.writing(self.url) as session:
            row = get_release(session, release_id)
            merged = row.model | model
            if merged != row.model:
                if row.state != "draft":
                    raise LedgerRefusal(f"{release_id} is {row.state} and cannot change: open another one", release_id=release_id)
                row.model = merged
                append(session, None, "release.model", release_id, model)
            return _release(row)

    def seal_release(self, release_id: str, manifest: dict[str, Any]) -> Release:
        """Give a release its manifest and digest, for ever; again with the same manifest changes nothing.

        Raises:
            LedgerRefusal: no such release, refused, sealed with another manifest, or the manifest is not JSON-able.
        """
        try:
            computed = digest(manifest)
        except ValueError as cause:
            raise LedgerRefusal(f"the manifest of {release_id} cannot be sealed: {cause}", release_id=release_id) from cause
        with engine.writing(self.url) as session:
            row = get_release(session, release_id)
            if row.state == "refused":
                raise LedgerRefusal(f"{release_id} was refused and cannot be sealed: open another release", release_id=release_id)
            if row.digest is not None:
                if row.digest != computed:
                    text = f"{release_id} is sealed as {row.digest}, not {computed}: a changed release needs a new number"
                    raise LedgerRefusal(text, release_id=release_id, sealed=row.digest, given=computed)
                return _release(row)
            row.manifest, row.digest, row.state = manifest, computed, "sealed"
            row.sealed_seq = append(session, None, "release.seal", release_id, seal_facts(row)).seq
            return _release(row)

    def refuse_release(self, release_id: str, by: str | None, reason: str) -> Release:
        """Close a release for ever; again changes nothing.

        Raises:
            LedgerRefusal: no such release, or it has been on production and can only be rolled back.
        """
        with engine.writing(self.url) as session:
            row = get_release(session, release_id)
            if row.state == "refused":
                return _release(row)
            live = select(DeploymentRow.id).where(DeploymentRow.release_id == release_id, DeploymentRow.kind != "staging")
            if session.scalar(live.limit(1)) is not None:
                raise LedgerRefusal(f"{release_id} has been on production: roll back instead of refusing", release_id=release_id)
            row.state = "refused"
            append(session, by, "release.refuse", release_id, {"reason": reason, "digest": row.digest})
            return _release(row)

    def release(self, release_id: str) -> Release:
        """Return one release.

        Raises:
            LedgerRefusal: no such release.
        """
        with engine.reading(self.url) as session:
            return _release(get_release(session, release_id))

    def releases(self, project: str) -> list[Release]:
        """Return all releases of a project, oldest first."""
        with engine.reading(self.url) as session:
            query = select(ReleaseRow).where(ReleaseRow.project == project).order_by(ReleaseRow.number)
            return [_release(row) for row in session.scalars(query)]


def get_release(session: Session, release_id: str) -> ReleaseRow:
    """Return a release's row.

    Raises:
        LedgerRefusal: no such release.
    """
    row = session.get(ReleaseRow, release_id)
    if row is None:
        raise LedgerRefusal(f"the ledger knows no release {release_id!r}: look at the project's releases", release_id=release_id)
    return row


def _same_model(row: ReleaseRow, model: dict[str, Any]) -> None:
    different = sorted(k for k in model if row.model.get(k) != model[k])
    if different and row.state == "draft":
        text = f"{row.key!r} opened {row.id} with another {', '.join(different)}: use update_release_model, or another key"
        raise LedgerRefusal(text, release_id=row.id)
    if different:
        raise LedgerRefusal(f"{row.id} is {row.state} with another {', '.join(different)}: use another key", release_id=row.id)


def _release(row: ReleaseRow) -> Release:
    return Release(
        row.id,
        row.project,
        row.number,
        row.key,
        row.authors,
        row.model,
        row.manifest,
        row.digest,
        row.state,
        row.created_at,
    )
