"""Windows of production rows, read once, scored against the model's reference, and the watch over them.

Where reading goes on is the end of the newest stored window, so nothing is kept but the windows themselves:
a process that dies between two of them counts the rows of the unfinished one again and gets the same window.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from include.inference import Cursor, Record, read
from include.ledger import Ledger, Window
from include.management import released_project
from include.monitoring.drift import Score, drift_score, window_sketch
from include.monitoring.errors import MonitoringError
from include.monitoring.logged import rows_of, together
from include.monitoring.sketch import Sketch
from include.projects.project import Project
from include.settings import Settings

ROUTE = "production"
KIND = "drift"
REFERENCE = "reference_sketch.json"
MAX_WINDOWS = 50
BATCH_RECORDS = 1000
LOOK_BACK = 50
BEGINNING: Cursor = "1:0"


@dataclass(frozen=True)
class Drift:
    """Windows in a row that are too far from the reference.

    Attributes:
        project: the project's name.
        release_id: the release that answered.
        windows: numbers of the drifted windows, oldest first.
        scores: their scores.
        score: mean of the scores that raised it (the newest ``windows_in_a_row``).
        threshold: what a score must exceed.
        top_features: the features that moved most in the newest window.
        labels: drift of the predicted labels in the newest window.
        confidence: confidence before and now in the newest window.
        rows: production rows in these windows.
        start_cursor: the log's position before the first drifted row.
        end_cursor: the log's position behind the last one.
        at: when it was found, ISO 8601, UTC.
    """

    project: str
    release_id: str
    windows: list[int]
    scores: list[float]
    score: float
    threshold: float
    top_features: list[dict[str, Any]]
    labels: dict[str, Any]
    confidence: dict[str, float | None]
    rows: int
    start_cursor: Cursor
    end_cursor: Cursor
    at: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Drift:
        """Rebuild it from `to_dict`, as it went through a trigger's event or an XCom.

        Raises:
            MonitoringError: keys are missing or unknown.
        """
        try:
            return cls(**data)
        except TypeError as cause:
            raise MonitoringError(f"this is no drift as watch gives it: {cause}") from cause


def alert_key(release_id: str) -> str:
    """Return the key under which all drift of one release is one alert."""
    return f"{KIND}:{release_id}"


@dataclass
class _Unfinished:
    """A window that still waits for rows: counts alone, no rows."""

    sketch: Sketch
    cursor: Cursor
    left_out: dict[str, int] = field(default_factory=lambda: {"other_route": 0, "other_release": 0, "unreadable": 0})


# Saves a long-lived process (the triggerer) from counting the rows of the unfinished window again at each poll.
# Losing it costs time and changes nothing: the key names where in the append-only log the counting began.
_unfinished: OrderedDict[tuple[str, ...], _Unfinished] = OrderedDict()
_lock = threading.Lock()


def reference(settings: Settings, release_id: str) -> Sketch:
    """Return the reference sketch in the package of a release.

    Raises:
        MonitoringError: the package has none, or a damaged one.
    """
    path = settings.model_repository / release_id / REFERENCE
    try:
        return _reference(path, path.stat().st_mtime_ns)
    except OSError as cause:
        raise MonitoringError(
            f"release {release_id} has no {REFERENCE} in {path.parent} ({cause.strerror}): deploy a release that has one"
        ) from cause


def as_released(settings: Settings, project: Project, release_id: str) -> Project:
    """Return a project as a release was made of it: rows are read and measured by that code, whatever lies in its folder.

    Raises:
        NotReleased: that code is not there, or was altered.
    """
    code = Ledger(settings.ledger()).release(release_id).model.get("code")
    return released_project(project, settings.model_repository / release_id, code)


@lru_cache(maxsize=32)
def _reference(path: Path, changed: int) -> Sketch:
    return Sketch.from_json(path.read_bytes())


def next_windows(settings: Settings, project: Project) -> list[Window]:
    """Count what the log has got since the last window, and store every window that is full.

    Only rows of the production route's current release count; a request is never divided, so a window has
    ``window_rows`` rows or, where it ends with a batch, some more. At most 50 windows are made at a time.

    Args:
        settings: where the log, the ledger and the packages are.
        project: whose route is watched.

    Returns:
        The new windows as the ledger keeps them, oldest first; empty where no release is on production.

    Raises:
        MonitoringError: the release's reference sketch is missing or unusable.
        NotReleased: the code that the release was made with is not there.
    """
    ledger = Ledger(settings.ledger())
    route = ledger.route(project.name, ROUTE)
    if route is None or not route.release_id:
        return []
    release_id, sketch = route.release_id, reference(settings, route.release_id)
    project = as_released(settings, project, release_id)
    last = ledger.last_window(project.name, release_id)
    # After a switch, or a switch back, what other releases answered meanwhile was read already.
    newest = ledger.windows(project.name, last=1)
    start = newest[-1].end if newest else BEGINNING
    number = last.number + 1 if last else 1
    made: list[Window] = []
    while len(made) < MAX_WINDOWS:
        full = _count(settings, project, release_id, sketch, start)
        if full is None:
            break
        score = drift_score(sketch, full.sketch)
        stored = ledger.add_window(
            project.name,
            release_id,
            number,
            start=start,
            end=full.cursor,
            rows=full.sketch.rows,
            score=score.score,
            sketch=full.sketch.to_dict(),
            details=_details(project, sketch, score, full),
        )
        made.append(stored)
        # Another watcher may have stored this number first: its end is where the next one begins.
        start, number = stored.end, stored.number + 1
    return made


def _details(project: Project, sketch: Sketch, score: Score, window: _Unfinished) -> dict[str, Any]:
    return {
        **score.to_dict(),
        "threshold": project.monitoring.threshold,
        "no_drift_quantile_99": sketch.no_drift.quantile_99 if sketch.no_drift else None,
        "left_out": dict(window.left_out),
    }


def _count(settings: Settings, project: Project, release_id: str, sketch: Sketch, start: Cursor) -> _Unfinished | None:
    key = (str(settings.prediction_log), project.name, release_id, start, str(project.monitoring.window_rows))
    with _lock:
        window = _unfinished.pop(key, None) or _Unfinished(sketch.blank(), start)
    wanted = project.monitoring.window_rows
    batch: list[Record] = []
    waiting = 0
    for record, cursor in read(settings.prediction_log, project.name, window.cursor):
        window.cursor = cursor
        if record.get("route") != ROUTE:
            window.left_out["other_route"] += int(record.get("n", 1))
        elif record.get("release_id") != release_id:
            window.left_out["other_release"] += int(record.get("n", 1))
        else:
            batch.append(record)
            waiting += int(record.get("n", 1))
        if window.sketch.rows + waiting >= wanted or len(batch) >= BATCH_RECORDS:
            _add(project, sketch, window, batch)
            batch, waiting = [], 0
            if window.sketch.rows >= wanted:
                return window
    _add(project, sketch, window, batch)
    with _lock:
        _unfinished[key] = window
        while len(_unfinished) > LOOK_BACK:
            _unfinished.popitem(last=False)
    return None


def _add(project: Project, sketch: Sketch, window: _Unfinished, records: list[Record]) -> None:
    """Count records in the window; one whose input no longer has the project's form is left out and counted as such."""
    parts = []
    for record in records:
        try:
            parts.append(rows_of(project, record))
        except (AttributeError, KeyError, TypeError, ValueError):
            window.left_out["unreadable"] += int(record.get("n", 1))
    if parts:
        rows = together(parts)
        counted = window_sketch(sketch, project, rows.contents, rows.labels, rows.confidence, rows.names, rows.said)
        window.sketch = window.sketch + counted


def watch(settings: Settings, project: Project) -> Drift | None:
    """Make the windows that are due and say whether the model drifts now.

    Cheap enough for every poll of a trigger: it reads the new rows of the log and the newest windows.

    Args:
        settings: where the log, the ledger and the packages are.
        project: whose production route is watched, with the limits of now.

    Returns:
        The drift, where the newest ``windows_in_a_row`` windows of the current release all exceed the threshold;
        None otherwise, while a drift alert of this release is open, and for windows made before its last one was closed.

    Raises:
        MonitoringError: the release's reference sketch is missing or unusable.
        NotReleased: the code that the release was made with is not there.
    """
    next_windows(settings, project)
    ledger = Ledger(settings.ledger())
    route = ledger.route(project.name, ROUTE)
    if route is None or not route.release_id:
        return None
    release_id, limits = route.release_id, project.monitoring
    newest = ledger.windows(project.name, release_id, last=limits.windows_in_a_row)
    if len(newest) < limits.windows_in_a_row or any(w.score <= limits.threshold for w in newest):
        return None
    key = alert_key(release_id)
    if any(alert.key == key for alert in ledger.alerts(project.name, state="open")):
        return None
    closed = [alert.closed_at for alert in ledger.alerts(project.name, state="closed") if alert.key == key and alert.closed_at]
    since = max(closed, default=datetime.min.replace(tzinfo=UTC))
    if newest[0].created_at <= since:
        return None
    drifted = newest
    for window in reversed(ledger.windows(project.name, release_id, last=LOOK_BACK)[: -len(newest)]):
        if window.score <= limits.threshold or window.created_at <= since:
            break
        drifted = [window, *drifted]
    return Drift(
        project=project.name,
        release_id=release_id,
        windows=[w.number for w in drifted],
        scores=[round(w.score, 4) for w in drifted],
        score=round(float(np.mean([w.score for w in newest])), 4),
        threshold=limits.threshold,
        top_features=newest[-1].details.get("top_features", []),
        labels=newest[-1].details.get("labels", {}),
        confidence=newest[-1].details.get("confidence", {}),
        rows=sum(w.rows for w in drifted),
        start_cursor=drifted[0].start,
        end_cursor=drifted[-1].end,
        at=datetime.now(UTC).isoformat(),
    )
