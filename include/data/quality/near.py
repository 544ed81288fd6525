"""What of a round is equal or nearly equal to another item of it, to earlier items, and to items of the test part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.data.quality.columns import Columns
from include.data.quality.history import Earlier
from include.data.quality.lots import Reader
from include.data.quality.neighbours import pairs

if TYPE_CHECKING:
    import numpy as np

MOST = 200_000  # different items of a round that are compared with one another, its first ones: bounds the memory
MOST_HASHES = 2_000_000  # the same where a signature is one number
SHOWN = 6


@dataclass
class Near:
    """Near-duplicates of a round.

    Attributes:
        items: how many items are nearly, not exactly, equal to one before them in the round.
        looked_at: how many were compared.
        different: how many different contents the round has.
        pairs: rows of some pairs.
        repeated: how many items earlier rounds hold exactly.
        repeated_rows: rows of some.
        leaked: how many are nearly, not exactly, equal to an item of the test part.
        leaked_rows: rows of some.
    """

    items: int = 0
    looked_at: int = 0
    different: int = 0
    pairs: list[tuple[int, int]] = field(default_factory=list)
    repeated: int = 0
    repeated_rows: list[int] = field(default_factory=list)
    leaked: int = 0
    leaked_rows: list[int] = field(default_factory=list)


def near_duplicates(
    columns: Columns, reader: Reader, signatures: np.ndarray | None, before: Earlier | None, similarity: float
) -> Near:
    """Compare the items of a round with one another and with those of earlier rounds.

    Args:
        columns: of the round.
        reader: that made the signatures.
        signatures: (n, ...); None where the kind of content has none.
        before: earlier items; None compares with nothing.
        similarity: from which on items are nearly equal.
    """
    import numpy as np

    ids = columns.ids()
    _, firsts = np.unique(ids, return_index=True)
    firsts = np.sort(firsts)
    found = Near(different=len(firsts))
    old = before.ids if before is not None else np.empty(0, "S16")
    repeated = np.isin(ids, old)
    found.repeated, found.repeated_rows = int(repeated.sum()), np.flatnonzero(repeated)[:SHOWN].tolist()
    if signatures is None:
        return found
    firsts = firsts[: MOST_HASHES if signatures[:1].nbytes <= 8 else MOST]
    found.looked_at = len(firsts)
    fresh = firsts[~repeated[firsts]]  # what is there already is told, and was compared then
    marks = before.signatures if before is not None else None
    if marks is None or marks.shape[1:] != signatures.shape[1:] or marks.dtype != signatures.dtype:
        marks = signatures[:0]
    close = pairs(reader, np.concatenate([marks, signatures[fresh]]), similarity)
    inside = close[close[:, 0] >= len(marks)] - len(marks)
    found.items = len(np.unique(inside[:, 1]))
    found.pairs = [(int(fresh[one]), int(fresh[other])) for one, other in inside[:SHOWN]]
    crossing = close[(close[:, 0] < len(marks)) & (close[:, 1] >= len(marks))]
    if len(crossing) and before is not None:
        tested = np.array(sorted(before.tested()), "S16")
        leaked = np.unique(crossing[np.isin(before.marked[crossing[:, 0]], tested), 1]) - len(marks)
        found.leaked, found.leaked_rows = len(leaked), fresh[leaked[:SHOWN]].tolist()
    return found
