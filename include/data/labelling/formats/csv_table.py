"""CSV: a line an item, with ``item_id`` (or ``key``), ``label`` and, where several people labelled, ``annotator``.

For every task: labels that are more than a word are the JSON text that rounds keep.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from include.data import labels
from include.data.labelling.formats.base import Entry, Files, LabelFileError, Sample, Targets, shown
from include.projects import Project

NAMES = ("item_id", "key", "file", "filename", "image", "id")
LONGEST = 64 << 20  # characters of one field


def read(files: Files, project: Project, targets: Targets) -> Iterator[Entry]:
    """Yield what the lines say; one with an empty label says nothing.

    Raises:
        LabelFileError: a column is missing, an item is unknown, or a label is none.
    """
    name = files.one(".csv")
    where = files.where(name)
    before = csv.field_size_limit(LONGEST)
    try:
        rows = csv.DictReader(io.StringIO(files.text(name), newline=""), strict=True)
        columns = [one for one in rows.fieldnames or [] if one]
        by = next((one for one in NAMES if one in columns), None)
        if by is None or "label" not in columns:
            advice = f"Its first line names the columns: one of {', '.join(NAMES)}, and label"
            raise LabelFileError(where, f"its columns are {shown(', '.join(columns))}", advice)
        for row in rows:
            place = files.where(name, rows.line_num)
            label = row["label"] or ""
            if not label.strip():
                continue
            target = targets.find(row[by] or "", place)
            label = _canonical(label, project)
            if problem := labels.problem(label, project, target.about):
                raise LabelFileError(place, problem, "Correct it, then import the file again")
            yield Entry(target.item_id, label, (row.get("annotator") or "").strip())
    except csv.Error as cause:
        raise LabelFileError(where, f"it is no CSV: {cause}", "Save it as CSV with commas and double quotes") from cause
    finally:
        csv.field_size_limit(before)


def write(folder: Path, samples: Iterable[Sample], project: Project) -> list[str]:
    """Write ``labels.csv``; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["item_id", "key", "label"])
        table.writerows([sample.item_id, sample.key, sample.label] for sample in samples)
    return ["labels.csv"]


def _canonical(label: str, project: Project) -> str:
    if project.task in ("classification", "regression"):
        return label.strip()
    try:
        return labels.dump(labels.load(label))
    except ValueError:
        return label
