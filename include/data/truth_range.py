"""Which stretch of the prediction log a retraining should take, and how much of it has true answers."""

from __future__ import annotations

from typing import Any

from include.inference import Cursor, end_cursor, joined
from include.projects import Project
from include.settings import Settings


def range_start(settings: Settings, project: Project, alert_id: int | None) -> Cursor | None:
    """Return the cursor behind which a retraining takes rows.

    Args:
        settings: ledger and ops data server.
        project: the project.
        alert_id: the drift alert that asked; its drifted windows are taken from their begin. None goes on where the
            last operating round ended.

    Returns:
        A cursor of the prediction log, None for its begin.

    Raises:
        LedgerError: no such alert.
    """
    if alert_id is not None:
        from include.ledger import Ledger

        return Ledger(settings.ledger()).alert(alert_id).details["start_cursor"]
    from include.data import rounds

    repo = rounds.repository(settings, project, "ops")
    repo.ensure()
    ends = [d["cursors"]["end"] for d in rounds.descriptions(repo) if d["kind"] == "operating"]
    return ends[-1] if ends else None


def labelled_rows(settings: Settings, project: Project, start: Cursor | None) -> dict[str, Any]:
    """Count the rows behind ``start`` and those of them that have a true answer by now.

    Returns:
        ``start_cursor``, ``end_cursor``, ``rows`` and ``labelled``.
    """
    end = end_cursor(settings.prediction_log, project.name)
    rows = labelled = 0
    for record, labels in joined(settings.prediction_log, project.name, start, end):
        if record["route"] == "production":
            rows += record["n"]
            labelled += record["n"] if labels is not None else 0
    return {"start_cursor": start, "end_cursor": end, "rows": rows, "labelled": labelled}
