"""What people say about assets that other engines own: a description and tags."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime

from sqlalchemy import select

from include.ledger import engine
from include.ledger.audit import append
from include.ledger.errors import LedgerRefusal
from include.ledger.models import AssetNoteRow
from include.ledger.records import AssetNote

MOST_TAGS, TAG_CHARS, DESCRIPTION_CHARS, ID_CHARS = 50, 100, 10_000, 1000


class AssetNoteLedger:
    """The part of the ledger that keeps notes on assets."""

    url: str

    def note_asset(
        self, asset: str, by: str | None, description: str | None = None, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> AssetNote:
        """Change what is said about an asset; what it is said already changes nothing.

        Args:
            asset: its id, such as ``digits-dev/versions/v1``.
            by: who says it.
            description: the new description; None leaves it as it is.
            add: tags to add.
            remove: tags to take away; one that is not there is no error.

        Raises:
            LedgerRefusal: an id, tag or description is empty or too long, or there would be too many tags.
        """
        new, old = {_tag(tag) for tag in add}, {tag.strip() for tag in remove}
        if not asset.strip() or len(asset) > ID_CHARS:
            raise LedgerRefusal(f"an asset's id has 1 to {ID_CHARS} characters, and {asset[:40]!r} has {len(asset)}")
        if description is not None and len(description) > DESCRIPTION_CHARS:
            raise LedgerRefusal(f"the description of {asset} has {len(description)} characters, more than {DESCRIPTION_CHARS}")
        with engine.writing(self.url) as session:
            row = session.get(AssetNoteRow, asset)
            said, tags = (row.description, set(row.tags)) if row else ("", set())
            text, kept = said if description is None else description.strip(), sorted((tags - old) | new)
            if len(kept) > MOST_TAGS:
                raise LedgerRefusal(f"{asset} would have {len(kept)} tags, more than {MOST_TAGS}: take some away first")
            if row is not None and (text, kept) == (said, sorted(tags)):
                return _note(row)
            facts = {"description": text, "tags": kept, "before": {"description": said, "tags": sorted(tags)}}
            entry = append(session, by, "asset.note", asset, facts)
            if row is None:
                row = AssetNoteRow(asset=asset)
                session.add(row)
            row.description, row.tags, row.by, row.at = text, kept, entry.actor, datetime.now(UTC)
            row.audit_seq = entry.seq
            session.flush()
            return _note(row)

    def asset_notes(self) -> dict[str, AssetNote]:
        """Return all notes by the id of their asset."""
        with engine.reading(self.url) as session:
            rows = session.scalars(select(AssetNoteRow).order_by(AssetNoteRow.asset))
            return {row.asset: _note(row) for row in rows}


def _tag(tag: str) -> str:
    found = tag.strip()
    if not found or len(found) > TAG_CHARS or not found.isprintable():
        raise LedgerRefusal(f"a tag has 1 to {TAG_CHARS} printable characters, and {tag[:40]!r} has not")
    return found


def _note(row: AssetNoteRow) -> AssetNote:
    return AssetNote(**{one.name: getattr(row, one.name) for one in fields(AssetNote)})
