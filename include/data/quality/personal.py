"""Personal data where none may be: addresses, telephone, resident and card numbers inside of texts.

Whole columns are searched by RE2 for what could be any; what is found then decides `include.data.privacy`, the same
that masks samples. The values themselves go nowhere: not into reports, not into logs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.data.quality.columns import KEY, Columns
from include.projects.masking import PersonalKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

LOOKED_AT = 5_000  # texts of a column that are looked at closely; of more, only those that look most like it
NUMBERS = 1000  # of a column of whole numbers, so many are looked at

CHANCE = 0.25  # every tenth number of 16 digits has the check digit of a card: so many of them are needed in a crowd
CROWD = 40

# Seven digits close together, digits of another script, an @, dots or colons: everything else holds none.
ROUGH = (
    r"[@＠]|[0-9](?:[^0-9A-Za-z가-힣]{0,3}[0-9]){6}|[^\P{Nd}0-9]|:[0-9A-Fa-f]{0,4}:"
    r"|[A-Za-z]{2}[0-9]{2}[ A-Za-z0-9]{11}|[0-9]\.[0-9]+\.[0-9]+\.[0-9]"
)
LIKELY: dict[PersonalKind, str] = {
    "email": r"[@＠][^\s@]+\.\pL{2}",
    "phone": r"(?:\+[\d. ()-]{9}|(?:^|[^\d.])\(?0\d{1,2}\)?[-. ]?\d{3,4}[-. ]?\d{4}(?:\D|$))",
    "rrn": r"(?:^|\D)\d{2}[01]\d[0-3]\d[ .-]{0,3}[1-8]\d{6}(?:\D|$)",
    "card": r"(?:^|[^\d.])[2-6]\d{3}[ .-]?(?:\d[ .-]?){9,15}(?:\D|$)",
    "iban": r"(?:^|[^A-Za-z0-9])[A-Za-z]{2}\d{2} ?[A-Za-z0-9]{4}",
    "driver_licence": r"(?:^|\D)[12]\d-\d{2}-\d{6}-\d{2}",
    "ssn": r"(?:^|[^\d-])\d{3}-\d{2}-\d{4}(?:[^\d-]|$)",
    "ip": r"(?:^|[^\d.])(?:\d{1,3}\.){3}\d{1,3}(?:[^\d.]|$)|[0-9A-Fa-f]*:[0-9A-Fa-f]*:",
}


@dataclass
class Found:
    """Personal data in one column.

    Attributes:
        rows: the items.
        kinds: how many of each kind.
        more: there may be more than were counted.
    """

    rows: set[int] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    more: bool = False


def personal(columns: Columns, kinds: Sequence[PersonalKind]) -> dict[str, Found]:
    """Look for personal data in keys and in all columns that hold text and are not declared personal.

    Args:
        columns: of the round.
        kinds: what to look for.

    Returns:
        What was found, by column; the keys' column is ``key``.
    """
    looked: dict[str, Found] = {"key": _texts(columns.arrow(KEY), kinds)}
    for one in columns.measured.values():
        if one.type in ("text", "category") and not one.personal:
            looked[one.name] = _texts(columns.arrow(one.name), kinds)
        elif one.type == "integer" and one.declared and not one.personal:
            looked[one.name] = _integers(columns.arrow(one.name), kinds)
    return {name: found for name, found in looked.items() if found.rows}


def _texts(values: pa.ChunkedArray, kinds: Sequence[PersonalKind]) -> Found:
    import numpy as np
    import pyarrow.compute as pc

    from include.data.privacy import find_personal

    found = Found()
    places = _matching(values, ROUGH)
    likely = {kind: _matching(values, LIKELY[kind]) for kind in kinds} if len(places) > LOOKED_AT else {}
    if likely:
        found.more = any(len(its) > LOOKED_AT for its in likely.values())
        places = np.unique(np.concatenate([its[:LOOKED_AT] for its in likely.values()]))
    hits: dict[str, list[int]] = defaultdict(list)
    for place, text in zip(places.tolist(), pc.take(values, places).to_pylist(), strict=True):
        for one in {each.kind for each in find_personal(text, kinds)}:
            hits[one].append(place)
    for name, rows in hits.items():
        if name == "card" and CROWD < len(_matching(values.take(places), LIKELY["card"])) > len(rows) / CHANCE:
            continue
        found.rows.update(rows)
        found.kinds[name] = len(rows)
    return found


def _matching(values: pa.ChunkedArray, pattern: str) -> np.ndarray:
    import numpy as np
    import pyarrow.compute as pc

    return np.flatnonzero(pc.fill_null(pc.match_substring_regex(values, pattern), False).to_numpy())


def _integers(values: pa.ChunkedArray, kinds: Sequence[PersonalKind]) -> Found:
    """Look for numbers of people kept as whole numbers; chance gives some, so most of a column must be ones."""
    import numpy as np
    import pyarrow.compute as pc

    from include.data.privacy.detect import looks_like

    found = Found()
    known = pc.drop_null(values)
    if len(known) and (pc.max(known).as_py() or 0) >= 10**8:
        some = np.linspace(0, len(known) - 1, min(len(known), NUMBERS)).astype(np.int64)
        kind = looks_like(known.take(some).to_pylist())
        if kind in kinds:
            found.rows.update(np.flatnonzero(pc.is_valid(values).to_numpy()).tolist())
            found.kinds[str(kind)] = len(found.rows)
    return found
