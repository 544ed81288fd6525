"""Choosing: which rows of which rounds a bundle is made of, each content once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.data import filters
from include.data.errors import ReferenceFault
from include.data.filters import Filter
from include.data.labels import classes_of
from include.data.rounds import Piece
from include.data.tables import read_whole
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass
class Lot:
    """One round as part of a bundle, with what is chosen of it.

    Attributes:
        piece: the round, as its version or itself gives it.
        ids: item ids of its whole table.
        labels: their labels.
        rows: which of them are there at all, where the piece is itself part of a round: bool (n,).
        mask: which of them are chosen: bool (n,).
    """

    piece: Piece
    ids: pa.ChunkedArray
    labels: pa.ChunkedArray
    rows: np.ndarray
    mask: np.ndarray


@dataclass
class Choice:
    """What a bundle is made of.

    Attributes:
        pieces: with the rows that were chosen of each.
        count: items.
        labelled: those of them with a label.
        labels: how many of each class.
        repeated: rows left out because another one has the same content.
        contradicting: those of ``repeated`` whose label is another one.
    """

    pieces: list[Piece] = field(default_factory=list)
    count: int = 0
    labelled: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    contradicting: int = 0


def choose(settings: Settings, project: Project, parts: Sequence[tuple[Sequence[Piece], Filter]], where: str) -> Choice:
    """Choose the items of some parts, each content once: the first with a label, or the first where none has one.

    Args:
        settings: the data servers of the pieces.
        project: its task and classes.
        parts: the pieces of each part and its filter.
        where: for errors.

    Raises:
        ReferenceFault: a filter leaves nothing, or fewer items than its sample wants.
    """
    lots: list[list[Lot]] = []
    for place, (pieces, wanted) in enumerate(parts, 1):
        said = f"{where}, part {place}" if len(parts) > 1 else where
        found = [_lot(settings, project, piece, wanted) for piece in pieces]
        _known_rounds(pieces, wanted, said)
        if wanted.sample:
            _sample(found, [lot for lot_of in lots for lot in lot_of], wanted, said)
        if not any(lot.mask.any() for lot in found):
            raise ReferenceFault(said, _nothing(found, wanted), "Widen the filter; filters are compared with AND")
        lots.append(found)
    choice = Choice()
    _once([lot for part in lots for lot in part], choice)
    for part in lots:
        last = max((place for place, lot in enumerate(part) if lot.mask.any()), default=-1)
        _join(choice, part[: last + 1], project)
    return choice


def _lot(settings: Settings, project: Project, piece: Piece, wanted: Filter) -> Lot:
    import numpy as np

    table, rows = read_whole(settings, piece, ["item_id", "label", *wanted.columns])
    if wanted.rounds and piece["round"] not in wanted.rounds:
        mask = np.zeros(table.num_rows, dtype=bool)
    else:
        mask = filters.matching(wanted, table, project)
    rows = np.ones(table.num_rows, dtype=bool) if rows is None else rows
    return Lot(piece, table["item_id"], table["label"], rows, mask & rows)


def _known_rounds(pieces: Sequence[Piece], wanted: Filter, where: str) -> None:
    there = sorted({piece["round"] for piece in pieces})
    if unknown := [number for number in wanted.rounds or () if number not in there]:
        problem = f"there is no round {', '.join(map(str, unknown))} in it"
        raise ReferenceFault(where, problem, f"Its rounds are {', '.join(map(str, there))}")


def _sample(found: Sequence[Lot], before: Sequence[Lot], wanted: Filter, where: str) -> None:
    """Leave of some lots as many items as the sample says, none of them among those chosen before."""
    import numpy as np

    assert wanted.sample
    taken = set(_chosen(before))
    left = sorted(set(_chosen(found)) - taken)
    if len(left) < wanted.sample.n:
        more = " that no part before has" if taken else ""
        problem = f"a sample of {wanted.sample.n} is wanted, and the filter leaves {len(left)} different items{more}"
        raise ReferenceFault(where, problem, "Ask for fewer, or widen the filter")
    kept = set(filters.sampled(left, wanted.sample))
    for lot in found:
        inside = (one in kept for one in lot.ids.to_pylist())
        lot.mask &= np.fromiter(inside, bool, len(lot.ids))


def _chosen(lots: Sequence[Lot]) -> list[str]:
    return [one for lot in lots for one in lot.ids.filter(lot.mask).to_pylist()]


def _nothing(found: Sequence[Lot], wanted: Filter) -> str:
    total = sum(int(lot.rows.sum()) for lot in found)
    labelled = sum(len(lot.labels) - lot.labels.null_count for lot in found)
    said = json.dumps(wanted.document(), ensure_ascii=False)
    return f"nothing is left of {total} items, {labelled} of them with a label, by the filter {said}"


def _once(lots: Sequence[Lot], choice: Choice) -> None:
    """Leave each content once, and count what that leaves out."""
    import numpy as np

    rows = [np.flatnonzero(lot.mask) for lot in lots]
    ids = [lot.ids.take(at).to_pylist() for lot, at in zip(lots, rows, strict=True)]
    labels = [label for lot, at in zip(lots, rows, strict=True) for label in lot.labels.take(at).to_pylist()]
    short = np.array([bytes.fromhex(one[:32]) for some in ids for one in some], "S16")
    place = np.arange(len(short))
    order = np.lexsort((place, np.array([label is None for label in labels], bool), short))
    same = np.zeros(len(order), dtype=bool)
    same[1:] = short[order][1:] == short[order][:-1]
    first = 0
    for at in np.flatnonzero(same):
        first = int(at) - 1 if not same[at - 1] else first
        said, other = labels[order[first]], labels[order[at]]
        choice.contradicting += other is not None and said != other
    choice.repeated = int(same.sum())
    out = np.zeros(len(order), dtype=bool)
    out[order[same]] = True
    ends = np.cumsum([len(at) for at in rows])
    for lot, chosen, end in zip(lots, rows, ends, strict=True):
        lot.mask[chosen[out[end - len(chosen) : end]]] = False


def _join(choice: Choice, lots: Sequence[Lot], project: Project) -> None:
    """Add the pieces of a part; of a round that was split before, also one of which nothing is chosen."""
    import pyarrow.compute as pc

    tables = [_table(one) for one in choice.pieces]
    for lot in lots:
        count, divided = int(lot.mask.sum()), _divided(lot)
        if not count and (divided is None or _table(lot.piece) in tables):
            continue
        tables.append(_table(lot.piece))
        found = Piece(**{**lot.piece, "count": count})
        if count < len(lot.mask):
            ids = lot.ids.filter(lot.mask).to_pylist()
            found["filter"] = filters.written(lot.mask, ids) | ({} if divided is None else {"divided": divided})
        choice.pieces.append(found)
        labels = lot.labels.filter(lot.mask)
        choice.count += count
        choice.labelled += len(labels) - labels.null_count
        for one in pc.value_counts(labels.drop_null()).to_pylist():
            for name in classes_of(one["values"], project):
                choice.labels[name] += one["counts"]


def _table(piece: Piece) -> tuple[Any, ...]:
    return piece["repository"], piece["round"], piece.get("table"), json.dumps(piece["split"])


def _divided(lot: Lot) -> str | None:
    """Return which rows the split of a round was made of (`include.data.tables.read_divided`); None where it has none."""
    if lot.piece.get("split") is None:
        return None
    earlier = lot.piece.get("filter")
    if earlier is None:
        return filters.ALL
    return str(earlier.get("divided") or earlier["rows"])
