"""Parts: the items of train, validation or test, brought back exactly as the split says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.data import forms, split
from include.data.errors import IntegrityError, ReferenceFault
from include.data.folder import verified
from include.data.folds import Fold, parts_of
from include.data.recipes import PARTS, Assignment, Recipe, assign
from include.data.rounds import Piece, Ref
from include.data.tables import read_divided, reader
from include.projects import Project
from include.projects.tasks import UNLABELLED, Task
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class Part:
    """Items of one part, in the order of their rounds.

    Attributes:
        item_ids: their ids.
        contents: their values, as `include.data.forms.decode` gives them: an array (n, *content.shape) of the project's
            dtype, an object array (n,) of texts or files, or a DataFrame of n rows.
        labels: class indices, int64 (n,), -1 where a task without labels has none; for regression numbers, float64 (n,);
            for other tasks the labels' texts (n,).
        origins: ``old`` or ``new`` for the rounds of a bundle, empty for those of a version.
        rounds: the round that each comes from, such as ``digits-dev/000001``.
    """

    item_ids: list[str]
    contents: Any
    labels: np.ndarray
    origins: list[str]
    rounds: list[str]


@dataclass(frozen=True)
class OpenSplit:
    """A stored split with its items brought back from the recipe.

    Attributes:
        where: which split, for errors.
        raw: its stored bytes.
        document: what they say.
        tables: the asked columns of each of its rounds.
        assignment: which item lies in which slot.
    """

    where: str
    raw: bytes
    document: dict[str, Any]
    tables: list[pa.Table]
    assignment: Assignment

    @property
    def pieces(self) -> list[Piece]:
        """Return its rounds."""
        return self.document["pieces"]

    @property
    def recipe(self) -> Recipe:
        """Return the recipe of its first round, which has the slots of all."""
        return split.recipe_of(self.pieces[0])

    @property
    def task(self) -> Task:
        """Return the task of its labels."""
        task: Task = self.document.get("task", "classification")
        return task

    def verify(self, slots: Iterable[str] | None = None) -> None:
        """Make sure that slots (None: all, and the leakage report) hold what was stored about them.

        Raises:
            IntegrityError: they do not.
        """
        found, stored = split.describe_parts(self.assignment, self.recipe, self.task), self.document["parts"]
        advice = "Do not use this data; find out who changed it"
        if other := [slot for slot in slots or stored if found.get(slot) != stored[slot]]:
            raise IntegrityError(
                f"{', '.join(other)} of {self.where}", "its item ids or labels are not those of the split", advice
            )
        if slots is None and self.document["format"] > 1:
            rows = [split.rows_of(table, task=self.task) for table in self.tables]
            allowed = self.document["groups_may_cross"]
            if split.leaks(self.pieces, rows, self.assignment, allowed) != self.document["leakage"]:
                raise IntegrityError(self.where, "groups or times of its items are not those of the split", advice)

    def given(self, slots: Iterable[str], origin: str | None = None) -> Iterator[tuple[Piece, pa.Table]]:
        """Yield each round with the rows of its table that lie in some slots."""
        import pyarrow as pa

        wanted = set(slots)
        for piece, table, given in zip(self.pieces, self.tables, self.assignment.given, strict=True):
            if origin is None or piece["origin"] == origin:
                yield piece, table.take(pa.array([row for row, slot in given if slot in wanted], pa.int64()))


def load_part(
    settings: Settings, project: Project, split_ref: Ref, part: str, origin: str | None = None, fold: Fold | None = None
) -> Part:
    """Load a part of a split and make sure that it is, byte for byte, what the split was made of.

    One read of the split and one of each round's table.

    Args:
        settings: the data server.
        project: gives the form of an item and the classes.
        split_ref: from `make_split`.
        part: ``train``, ``validation`` or ``test``.
        origin: only items that a bundle has from ``old`` or from ``new`` rounds; None means all.
        fold: from which fold a split with folds is seen, counted from 1: 2, or ``(2, 3)`` or ``"2.3"`` for the
            third inner fold of the second outer one. None means the first.

    Raises:
        ReferenceFault: no such part or fold.
        IntegrityError: split, ids, labels or contents are not what they were.
    """
    if part not in PARTS:
        raise ReferenceFault(f"split of {split_ref['repository']}", f"there is no part {part!r}", f"Parts are {', '.join(PARTS)}")
    opened = open_split(settings, split_ref, ["content"])
    where = f"{part} of {opened.where}"
    slots = [slot for slot, its in parts_of(opened.recipe, fold, opened.where).items() if its == part]
    opened.verify(slots)
    ids: list[str] = []
    found: list[Any] = []
    origins: list[str] = []
    names: list[str] = []
    for piece, chosen in opened.given(slots, origin):
        found.append(forms.decode(verified(chosen, project, where), project.data.content))
        ids += chosen["item_id"].to_pylist()
        origins += [piece["origin"]] * chosen.num_rows
        names += [split.round_name(piece)] * chosen.num_rows
    labels = [opened.assignment.labels[one] for one in ids]
    return Part(ids, forms.join(found, project.data.content), _answers(labels, project, where), origins, names)


def _answers(labels: list[str], project: Project, where: str) -> np.ndarray:
    """Return labels as what the task learns: class indices, numbers, or the labels' texts."""
    import numpy as np

    if project.task == "regression":
        return np.array([float(label) for label in labels], dtype=np.float64)
    if project.task not in ("classification", *UNLABELLED):
        return np.array(labels, dtype=object)
    index = {name: number for number, name in enumerate(project.classes)}
    if project.task in UNLABELLED:
        index[""] = -1  # nobody knows
    if unknown := set(labels) - index.keys():
        raise IntegrityError(where, f"labels {sorted(unknown)} are no classes", "Was a class taken out of project.yaml?")
    return np.array([index[label] for label in labels], dtype=np.int64)


def open_split(settings: Settings, split_ref: Ref, more: Sequence[str] = ()) -> OpenSplit:
    """Read a stored split and the tables of its rounds, and divide the items anew by its recipe.

    Args:
        settings: the data server.
        split_ref: from `make_split`, `list_splits` or `find_split`.
        more: columns of the tables beside those that the split looks at.
    """
    raw = _raw(settings, split_ref)
    document = dict(json.loads(raw))
    pieces: list[Piece] = document["pieces"]
    timed = any(split.recipe_of(piece)["method"] == "time" for piece in pieces)
    wanted = list(dict.fromkeys([*split.columns(timed), *more]))
    read = [read_divided(settings, piece, wanted) for piece in pieces]
    assignment = assign(
        (
            split.round_name(piece),
            split.recipe_of(piece),
            split.rows_of(table, chosen, task=document.get("task", "classification")),
        )
        for piece, (table, chosen) in zip(pieces, read, strict=True)
    )
    tables = [table for table, _ in read]
    return OpenSplit(f"{split_ref['repository']}/{split_ref['split_path']}", raw, document, tables, assignment)


def split_document(settings: Settings, split_ref: Ref) -> dict[str, Any]:
    """Return the stored split after comparing it with its digest.

    Raises:
        IntegrityError: it is not the split that the reference means.
    """
    return dict(json.loads(_raw(settings, split_ref)))


def _raw(settings: Settings, split_ref: Ref) -> bytes:
    repo = reader(settings, split_ref)
    raw = repo.get(split_ref["commit"], split_ref["split_path"])
    found = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    if found != split_ref["split_digest"]:
        where, problem = f"{repo.name}/{split_ref['split_path']}", f"its digest is {found}, wanted {split_ref['split_digest']}"
        raise IntegrityError(where, problem, "Do not use it; find out who changed it")
    return raw
