"""Windows of the prediction log that monitoring has looked at."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from include.ledger import engine
from include.ledger.models import WindowRow
from include.ledger.records import Window


class WindowLedger:
    """The part of the ledger that keeps monitoring's windows."""

    url: str

    def add_window(
        self,
        project: str,
        release_id: str,
        number: int,
        start: str,
        end: str,
        rows: int,
        score: float,
        sketch: dict[str, Any],
        details: dict[str, Any] | None = None,
    ) -> Window:
        """Keep a window; the same (project, release, number) again gives back the one that is kept.

        A window is what was seen, not a change: it is no audit entry, for there are thousands a day.

        Args:
            project: name of the project.
            release_id: the release whose answers it holds.
            number: of the window, from 1, within the release.
            start: cursor of the prediction log at its first row.
            end: cursor after its last row.
            rows: how many rows it holds.
            score: its drift score.
            sketch: its sketch.
            details: score of each feature and the like.
        """
        with engine.writing(self.url) as session:
            query = select(WindowRow).where(
                WindowRow.project == project, WindowRow.release_id == release_id, WindowRow.number == number
            )
            row = session.scalar(query)
            if row is None:
                row = WindowRow(
                    project=project,
                    release_id=release_id,
                    number=number,
                    start=start,
                    end=end,
                    rows=rows,
                    score=float(score),
                    sketch=sketch,
                    details=details or {},
                    created_at=datetime.now(UTC),
                )
                session.add(row)
            return _window(row)

    def windows(self, project: str, release_id: str | None = None, last: int | None = None) -> list[Window]:
        """Return a project's windows, of one release and only the ``last`` ones where given, oldest first."""
        query = select(WindowRow).where(WindowRow.project == project).order_by(WindowRow.id.desc()).limit(last)
        if release_id is not None:
            query = query.where(WindowRow.release_id == release_id)
        with engine.reading(self.url) as session:
            return [_window(row) for row in reversed(session.scalars(query).all())]

    def last_window(self, project: str, release_id: str) -> Window | None:
        """Return the newest window of a release; None where there is none."""
        found = self.windows(project, release_id, last=1)
        return found[0] if found else None


def _window(row: WindowRow) -> Window:
    return Window(**{f.name: getattr(row, f.name) for f in fields(Window)})
