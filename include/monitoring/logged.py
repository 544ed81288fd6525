"""Production rows out of the prediction log as values: contents of any kind, and what the release said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.inference import Record
from include.projects.content import ArrayContent, TableContent
from include.projects.project import Project
from include.projects.values import of_rows

PLACES = ("cluster", "action")
NUMBERS = ("value", "vector")


@dataclass(frozen=True)
class Rows:
    """Rows of one record, or of several together.

    Attributes:
        contents: as the features component takes them: an array (n, *shape), texts (n,), or columns by name.
        labels: predicted class names, n; empty texts in other tasks.
        confidence: highest probability of each row, float (n,); NaN where the task has none.
        names: of the numbers that a release said in tasks other than classification, such as ``value``.
        said: those numbers, float64 (n, names).
    """

    contents: Any
    labels: list[str]
    confidence: np.ndarray
    names: list[str]
    said: np.ndarray


def rows_of(project: Project, record: Record) -> Rows:
    """Return the rows of a record.

    Raises:
        KeyError, TypeError, ValueError: the record is not of the project's form and task.
    """
    n = int(record["n"])
    contents = _contents(project, record["inputs"], n)
    if project.task == "classification":
        best = np.asarray(record["probabilities"], np.float64).max(-1)
        labels = [str(label) for label in record["labels"]]
        if best.shape != (n,) or len(labels) != n:
            raise ValueError("answers")
        return Rows(contents, labels, best, [], np.empty((n, 0)))
    names, said, confidence = answered(record["predictions"])
    if len(said) != n:
        raise ValueError("answers")
    return Rows(contents, [""] * n, confidence, names, said)


def answered(predictions: Sequence[Mapping[str, Any]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return what a release said of n rows as numbers to watch.

    Args:
        predictions: one a row, as `include.inference.predictions` makes them.

    Returns:
        Their names, the numbers, float64 (n, names), and the confidence (n,): the greatest membership, else NaN.
    """
    names: list[str] = []
    columns: list[np.ndarray] = []
    for key in predictions[0] if predictions else ():
        if key not in (*PLACES, *NUMBERS):
            continue
        values = np.asarray([one[key] for one in predictions], np.float64)
        wide = values.reshape(len(predictions), -1)
        names += [key] if values.ndim == 1 else [f"{key} {number + 1}" for number in range(wide.shape[1])]
        columns.append(wide)
    said = np.concatenate(columns, axis=1) if columns else np.empty((len(predictions), 0))
    confidence = [max(one["memberships"]) if "memberships" in one else np.nan for one in predictions]
    return names, said, np.asarray(confidence, np.float64)


def together(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several records, at least one, as one."""
    first = parts[0]
    if isinstance(first.contents, dict):
        contents: Any = {name: np.concatenate([part.contents[name] for part in parts]) for name in first.contents}
    else:
        contents = np.concatenate([part.contents for part in parts])
    return Rows(
        contents,
        [label for part in parts for label in part.labels],
        np.concatenate([part.confidence for part in parts]),
        first.names,
        np.concatenate([part.said for part in parts]),
    )


def first_of(rows: Rows, limit: int) -> Rows:
    """Return at most ``limit`` rows."""
    contents = rows.contents
    kept = {name: column[:limit] for name, column in contents.items()} if isinstance(contents, dict) else contents[:limit]
    return Rows(kept, rows.labels[:limit], rows.confidence[:limit], rows.names, rows.said[:limit])


def _contents(project: Project, inputs: Any, n: int) -> Any:
    form = project.data.content
    if isinstance(form, ArrayContent):
        values = np.asarray(inputs, np.float64)
        if values.shape != (n, *form.shape):
            raise ValueError("shape")
        # What training items hold, so that a value at the edge of a bin falls to the same side.
        return values.astype(np.float32).astype(np.float64) if form.dtype == "float32" else values
    if not isinstance(inputs, list) or len(inputs) != n:
        raise ValueError("rows")
    if isinstance(form, TableContent):
        return of_rows(inputs, {name: column.type for name, column in form.columns.items()})
    if not all(isinstance(one, str) for one in inputs):
        raise ValueError("texts")
    found = np.empty(n, dtype=object)
    found[:] = inputs
    return found
