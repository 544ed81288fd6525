"""Reading a version for a profile: exact counts over all of its items, and a sample of them by seed.

One pass, some rows at a time: memory holds the sample and the counts, whatever the size of the version. An item is drawn
by a hash of its id and the seed, so the same items are drawn whatever the order of rounds, and equal contents together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.data import DataError, find_split, forms, tables, versions
from include.data.folder import verified
from include.data.folds import parts_of
from include.data.labels import names
from include.data.parts import open_split, split_document
from include.data.rounds import Ref
from include.data.split import round_name
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

PARTS = ("whole", "train", "validation", "test")
COLUMNS = ("item_id", "key", "content", "label", "taken_at", "source")
MOST_BYTES = 256 << 20  # of the sample's contents
MOST_NAMES = 1000  # sources, days or classes that are counted apart


@dataclass
class Counts:
    """What is counted over all items.

    Attributes:
        items: how many.
        labelled: how many have a label.
        classes: of each class, as `include.data.labels.names` counts a label.
        rounds: of each round.
        sources: of each source.
        days: of each day that items were taken at; ``None`` where nobody knows.
        parts: of each part of the newest split; empty where the version has none.
    """

    items: int = 0
    labelled: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    days: Counter[str | None] = field(default_factory=Counter)
    parts: dict[str, int] = field(default_factory=dict)


@dataclass
class Drawn:
    """A version, or a part of one, as a profile sees it.

    Attributes:
        version: its reference.
        part: ``whole`` or a part's name.
        split: reference of its newest split; None where it has none.
        counts: exact.
        rows: of the sample: `COLUMNS` without the content.
        contents: of the sample, as `include.data.forms.decode` gives them.
        train: which of the sample lie in the training part, bool (n,); None where nobody knows.
    """

    version: Ref
    part: str
    split: Ref | None
    counts: Counts
    rows: pa.Table
    contents: Any
    train: np.ndarray | None = None

    @property
    def whole(self) -> bool:
        """Tell whether the sample is all there is."""
        return self.rows.num_rows == self.counts.items

    @property
    def labels(self) -> list[str | None]:
        """Return the labels of the sample."""
        found: list[str | None] = self.rows["label"].to_pylist()
        return found


def draw(settings: Settings, project: Project, version_ref: Ref, part: str, most: int, seed: int, slots: bool = False) -> Drawn:
    """Read a version once.

    Args:
        settings: the data server.
        project: whose.
        version_ref: reference of the version.
        part: ``whole``, ``train``, ``validation`` or ``test`` of its newest split.
        most: items of the sample; fewer where their contents are more than 256 MiB.
        seed: chooses which.
        slots: find out which of the sample lie in the training part; takes memory for the ids of all items, as a
            part does.

    Raises:
        ReferenceFault: the version has no split, and a part was asked for.
        IntegrityError: a content is not the one its id says.
    """
    split = _split(settings, project, version_ref, part)
    inside, learnt = _slots(settings, split, part) if split and (slots or part != "whole") else (None, None)
    counts, kept = Counts(), _Kept(most, seed)
    reference = tables.reader(settings, version_ref)
    for piece in versions.document(reference, version_ref["commit"], version_ref["version"])["pieces"]:
        given, seen = round_name(piece), set[str]()
        for table in tables.stream_piece(settings, piece, COLUMNS):
            if inside is not None:  # of equal contents a split has one
                ids = table["item_id"].to_pylist()
                wanted = [one in inside and not (one in seen or seen.add(one)) for one in ids]  # type: ignore[func-returns-value]
                table = table.filter(wanted)
            _count(counts, table, given, project)
            kept.add(table)
        if inside is not None:
            inside -= seen
    if split:
        counts.parts = {name: one["count"] for name, one in split_document(settings, split)["parts"].items()}
    rows = kept.table()
    where = f"{version_ref['repository']} {version_ref['version']}"
    contents = forms.decode(verified(rows, project, where), project.data.content)
    train = None
    if learnt is not None:
        import numpy as np

        train = np.array([one in learnt for one in rows["item_id"].to_pylist()], dtype=bool)
    return Drawn(version_ref, part, split, counts, rows.drop_columns(["content"]), contents, train)


def _split(settings: Settings, project: Project, version_ref: Ref, part: str) -> Ref | None:
    try:
        return find_split(settings, project, version_ref["zone"], version_ref["version"])
    except DataError:
        if part != "whole":
            raise
        return None


def _slots(settings: Settings, split: Ref, part: str) -> tuple[set[str] | None, set[str] | None]:
    """Return the ids of a part (None: of all), and those of the training part."""
    opened = open_split(settings, split)
    named = parts_of(opened.recipe, None, opened.where)
    train = {one for one, slot in opened.assignment.parts.items() if named.get(slot) == "train"}
    if part == "whole":
        return None, train
    return {one for one, slot in opened.assignment.parts.items() if named.get(slot) == part}, train


def _count(counts: Counts, table: pa.Table, given: str, project: Project) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    label = table["label"]
    counts.items += table.num_rows
    counts.labelled += table.num_rows - label.null_count
    counts.rounds[given] += table.num_rows
    if project.task not in ("regression", "question_answering"):
        for said, times in _values(label):
            for name in names(said, project.task) if said is not None else ():
                _add(counts.classes, name, times)
    for source, times in _values(table["source"]):
        _add(counts.sources, source or "", times)
    days = pc.floor_temporal(table["taken_at"], unit="day").cast(pa.timestamp("s"))
    for day, times in _values(days):
        _add(counts.days, None if day is None else day.date().isoformat(), times)


def _values(column: pa.ChunkedArray) -> list[tuple[Any, int]]:
    import pyarrow.compute as pc

    found = pc.value_counts(column)
    return list(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))


def _add(counter: Counter[Any], name: Any, times: int) -> None:
    counter[name if name in counter or len(counter) < MOST_NAMES else "…"] += times


class _Kept:
    """The rows of lowest rank among those that came by."""

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._seed = most, seed
        self._tables: list[pa.Table] = []
        self._ranks: list[np.ndarray] = []
        self._limit: int | None = None  # what ranks behind cannot be drawn any more
        self._held = 0

    def add(self, table: pa.Table) -> None:
        import numpy as np

        ranks = rank(table["item_id"].to_pylist(), self._seed)
        if self._limit is not None:
            chosen = ranks <= np.uint64(self._limit)
            table, ranks = table.filter(chosen), ranks[chosen]
        if table.num_rows:
            self._tables.append(table)
            self._ranks.append(ranks)
            self._held += table.num_rows
            if self._held > 2 * self._most or sum(one.nbytes for one in self._tables) > 2 * MOST_BYTES:
                self._prune()

    def _prune(self) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        table, ranks = pa.concat_tables(self._tables), np.concatenate(self._ranks)
        order = np.argsort(ranks, kind="stable")[: self._most]
        sizes = pc.fill_null(pc.binary_length(table["content"]), 0).to_numpy()[order]
        fitting = int(np.searchsorted(np.cumsum(sizes), MOST_BYTES, side="right"))
        if len(order) < len(ranks) or fitting < len(order):
            order = order[: max(fitting, 1)]
            self._limit = int(ranks[order[-1]])
        self._tables, self._ranks = [table.take(order).combine_chunks()], [ranks[order]]
        self._held = len(order)

    def table(self) -> pa.Table:
        import pyarrow as pa

        if not self._tables:
            types = {"content": pa.large_binary(), "taken_at": pa.timestamp("us", tz="UTC")}
            return pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS]).empty_table()
        self._prune()
        return self._tables[0]


def rank(ids: Sequence[str], seed: int) -> np.ndarray:
    """Return the rank of each item id for a seed, uint64 (n,): the mixing of splitmix64 over its first 64 bits."""
    import numpy as np

    found = np.array([int(one[:16], 16) for one in ids], dtype=np.uint64)
    with np.errstate(over="ignore"):
        found = found + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(found ^ (found >> np.uint64(31)))
