"""Rounds from operation: what was asked of the model in production, with the true answers that came later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from include.clients.lakefs import DataRepository
from include.data import forms, items, rounds
from include.data.collect import gather
from include.data.items import Item
from include.data.labels import problem
from include.data.rounds import Ref
from include.inference import Cursor, cursor_key, end_cursor, joined
from include.projects import Project
from include.projects.content import ArrayContent, Content
from include.settings import Settings

SOURCE = "prediction_log"


def collect_operating_round(
    settings: Settings, project: Project, run_id: str, author: str, start: Cursor | None, end: Cursor | None
) -> Ref:
    """Collect requests answered in production whose true answers are known into a round of the ops repository.

    A row's key is its request id and place, ``<request id>#<row>``; a row that an earlier round holds is not
    taken again.

    Args:
        settings: prediction log and ops data server.
        project: gives the form of an item and the classes.
        run_id: of the pipeline run; names the branch.
        author: who the round is from.
        start: requests behind this cursor of the prediction log; None begins with the first.
        end: requests up to it; None means up to now.

    Returns:
        The round's reference; ``skipped`` counts the rows that were left out: ``without_truth``,
        ``unknown_label``, ``other_form`` (values that an item of this project cannot hold), ``taken_before``.

    Raises:
        DataError: the data server does not answer.
        PredictionLogError: a cursor is none, or the log cannot be read.
    """
    repo = rounds.repository(settings, project, "ops")
    skipped: Counter[str] = Counter(without_truth=0, unknown_label=0, other_form=0, taken_before=0)
    last = end or end_cursor(settings.prediction_log, project.name)

    def read(marks: dict[str, Any], known: list[int]) -> tuple[Iterable[Item], Any]:
        taken = _taken(repo, known, start, last)
        fields = {"high_water_marks": marks, "cursors": {"start": start, "end": last}}
        return _items(settings, project, start, last, taken, skipped), lambda: {**fields, "skipped": dict(skipped)}

    return gather(repo, project, "operating", SOURCE, run_id, author, read)


def _taken(repo: DataRepository, known: list[int], start: Cursor | None, end: Cursor) -> set[str]:
    """Return the keys of earlier rounds from the same stretch of the log."""
    taken: set[str] = set()
    for number in known:
        document = rounds.describe(repo, "main", number)
        if document["kind"] != "operating":
            continue
        cursors = document["cursors"]
        if cursor_key(cursors["start"]) < cursor_key(end) and cursor_key(start) < cursor_key(cursors["end"]):
            taken.update(items.read(repo, "main", rounds.items_path(number), ["key"])["key"].to_pylist())
    return taken


def _items(
    settings: Settings, project: Project, start: Cursor | None, end: Cursor, taken: set[str], skipped: Counter[str]
) -> Iterator[Item]:
    for record, labels in joined(settings.prediction_log, project.name, start, end):
        if record["route"] != "production":  # a release's own test rows on staging are no news about the world
            continue
        if labels is None:
            skipped["without_truth"] += record["n"]
            continue
        contents = _contents(record["inputs"], project)
        if len(contents) != len(labels):
            skipped["other_form"] += len(labels)
            continue
        moment = datetime.fromisoformat(record["at"])
        for place, (content, label) in enumerate(zip(contents, labels, strict=True)):
            key = f"{record['id']}#{place}"
            if key in taken:
                skipped["taken_before"] += 1
            elif problem(label, project):
                skipped["unknown_label"] += 1
            elif content is None:
                skipped["other_form"] += 1
            else:
                yield Item(key, content, label, moment, SOURCE)


def _contents(inputs: Any, project: Project) -> list[bytes | None]:
    """Return the rows of a request as items; None for a row that is no item of the project's form now."""
    form = project.data.content
    if not isinstance(form, ArrayContent):
        return [_content(row, form) for row in inputs] if isinstance(inputs, list) else []
    import numpy as np

    try:
        values = np.asarray(inputs, dtype=np.float64)
    except (ValueError, TypeError):
        return []
    if values.shape[1:] != tuple(form.shape):
        return []
    exact = np.dtype(form.dtype)
    with np.errstate(invalid="ignore"):
        cast = values.astype(exact)
    same = np.asarray(cast == values) if exact.kind in "iu" else np.isfinite(values)
    fine = np.logical_and.reduce(same.reshape(len(values), -1), axis=1)
    return [row.tobytes() if ok else None for row, ok in zip(cast, fine, strict=True)]


def _content(row: Any, form: Content) -> bytes | None:
    """Return a text, a row of a table or the base64 text of a file as an item."""
    try:
        return forms.encode(row, form)
    except ValueError:
        return None
