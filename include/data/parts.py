"""Parts: the items of train, validation or test, brought back exactly as the split says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.data import items, rounds
from include.data.errors import IntegrityError, ReferenceFault
from include.data.rounds import Ref
from include.data.split import PARTS, assign, describe_part, reader, recipe_of, round_name
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class Part:
    """Items of one part, in the order of their rounds.

    Attributes:
        item_ids: their ids.
        contents: values of the project's dtype (n, *content.shape).
        labels: class indices, int64 (n,).
        origins: ``old`` or ``new`` for the rounds of a bundle, empty for those of a version.
    """

    item_ids: list[str]
    contents: np.ndarray
    labels: np.ndarray
    origins: list[str]


def load_part(settings: Settings, project: Project, split_ref: Ref, part: str, origin: str | None = None) -> Part:
    """Load a part of a split and make sure that it is, byte for byte, what the split was made of.

    One read of the split and one of each round's table.

    Args:
        settings: the data server.
        project: gives the form of an item and the classes.
        split_ref: from `make_split`.
        part: ``train``, ``validation`` or ``test``.
        origin: only items that a bundle has from ``old`` or from ``new`` rounds; None means all.

    Raises:
        ReferenceFault: no such part.
        IntegrityError: split, ids, labels or contents are not what they were.
    """
    import numpy as np
    import pyarrow as pa

    if part not in PARTS:
        raise ReferenceFault(f"split of {split_ref['repository']}", f"there is no part {part!r}", f"Parts are {', '.join(PARTS)}")
    document = split_document(settings, split_ref)
    columns = ["item_id", "label", "content"]
    pieces = document["pieces"]
    tables = [items.read(reader(settings, one), one["commit"], rounds.items_path(one["round"]), columns) for one in pieces]
    assignment = assign(
        (round_name(piece), recipe_of(piece), zip(table["item_id"].to_pylist(), table["label"].to_pylist(), strict=True))
        for piece, table in zip(pieces, tables, strict=True)
    )
    where = f"{part} of {split_ref['repository']}/{split_ref['split_path']}"
    if describe_part(assignment, part) != document["parts"][part]:
        raise IntegrityError(
            where, "its item ids or labels are not those of the split", "Do not use this data; find out who changed it"
        )

    index = {name: number for number, name in enumerate(project.classes)}
    ids: list[str] = []
    arrays: list[np.ndarray] = []
    origins: list[str] = []
    given: set[str] = set()
    for piece, table in zip(pieces, tables, strict=True):
        rows = _first_of(table, part, assignment.parts, given)
        if origin is None or piece["origin"] == origin:
            chosen = table.take(pa.array(rows, pa.int64()))
            arrays.append(_verified(chosen, project, where))
            ids += chosen["item_id"].to_pylist()
            origins += [piece["origin"]] * len(rows)
    form = project.data.content
    contents = np.concatenate(arrays) if arrays else np.empty((0, *form.shape), dtype=form.dtype)
    if unknown := {assignment.labels[one] for one in ids} - index.keys():
        raise IntegrityError(where, f"labels {sorted(unknown)} are no classes", "Was a class taken out of project.yaml?")
    return Part(ids, contents, np.array([index[assignment.labels[one]] for one in ids], dtype=np.int64), origins)


def split_document(settings: Settings, split_ref: Ref) -> dict[str, Any]:
    """Return the stored split after comparing it with its digest.

    Raises:
        IntegrityError: it is not the split that the reference means.
    """
    repo = reader(settings, split_ref)
    raw = repo.get(split_ref["commit"], split_ref["split_path"])
    found = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    if found != split_ref["split_digest"]:
        where, problem = f"{repo.name}/{split_ref['split_path']}", f"its digest is {found}, wanted {split_ref['split_digest']}"
        raise IntegrityError(where, problem, "Do not use it; find out who changed it")
    return dict(json.loads(raw))


def _first_of(table: pa.Table, part: str, parts: dict[str, str], given: set[str]) -> list[int]:
    """Return the rows that belong to the part; of equal contents in several rows and rounds only the first."""
    rows = []
    for row, (one, label) in enumerate(zip(table["item_id"].to_pylist(), table["label"].to_pylist(), strict=True)):
        if label is not None and parts.get(one) == part and one not in given:
            given.add(one)
            rows.append(row)
    return rows


def _verified(table: pa.Table, project: Project, where: str) -> np.ndarray:
    """Return the contents of some rows after comparing each with its id."""
    contents = table["content"]
    if items.item_ids(contents.to_pylist(), project.data.content) != table["item_id"].to_pylist():
        raise IntegrityError(where, "a content is not the one its id says", "Do not use this data; find out who changed it")
    return items.to_array(contents, project.data.content)
