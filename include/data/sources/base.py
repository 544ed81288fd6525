"""What all sources share: marks, times, and the account of what a source looked like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from include.data.errors import SourceError
from include.data.items import Item
from include.data.times import moment_of, text

Mark = dict[str, Any]  # {"type": "int" | "str" | "datetime" | ..., ...}: what JSON can hold
EXAMPLES = 5
MAX_COLUMNS = 1000  # columns that are kept account of; hostile records may have any number
MAX_TIES = 100_000


@dataclass(frozen=True)
class Past:
    """What earlier rounds of a source left.

    Attributes:
        mark: behind what was taken; None before the first round.
        number: of the round being collected.
        objects: takes a name and gives the objects of that name beside the rounds with these numbers.
        taken: takes paths and gives (key, item id) of all items taken from them before.
    """

    mark: Mark | None
    number: int = 1
    objects: Callable[[str, list[int]], Iterator[bytes]] = lambda *_: iter(())
    taken: Callable[[set[str]], set[tuple[str, str]]] = lambda _: set()


@dataclass(frozen=True)
class Pending:
    """What a source has that no round holds yet, as far as can be told without reading it.

    Attributes:
        count: rows, files or records; an API is asked for no more than are enough.
        state: of the source, which JSON can hold; it differs when something came or changed.
    """

    count: int
    state: Any


class Reader(Protocol):
    """One collection from one source.

    Attributes:
        mark: behind the last item given so far; None where nothing was ever taken.
        findings: what the source looked like so far.
    """

    mark: Mark | None
    findings: Findings

    def items(self) -> Iterator[Item]:
        """Yield what is new.

        Raises:
            SourceError: the source is not as project.yaml says.
            SourceUnavailable: it does not answer, or broke off.
        """

    def objects(self) -> dict[str, bytes]:
        """Return objects to keep beside the round, by name."""

    def pending(self, enough: int = 1) -> Pending:
        """Return what is new, cheaply and without taking it; counting may end at ``enough``. Raises as `items` does."""


@dataclass
class Findings:
    """What a source looked like during one collection.

    Attributes:
        needed: fields that project.yaml names.
        columns: every field seen, with the families of its types.
        missing: needed fields that were not there, with an example of where.
        rows: new records seen, good and bad.
        bad: records left out because they are no item.
        examples: of them, where and why.
        repeated: records left out because this collection had them already.
        held: records without key or time, with the first of them as ``held_example``.
    """

    needed: list[str]
    columns: dict[str, set[str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    bad: int = 0
    examples: list[str] = field(default_factory=list)
    repeated: int = 0
    held: int = 0
    held_example: tuple[str, str] | None = None

    def column(self, name: Any, *kinds: str) -> None:
        """Note a field and the families of its type."""
        known = text(name)
        if known in self.columns or len(self.columns) < MAX_COLUMNS:
            self.columns.setdefault(known, set()).update(kinds)

    def reject(self, where: str, why: str) -> None:
        """Note a record that is left out."""
        self.bad += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{text(where)}: {text(why)}")

    def hold(self, where: str, why: str, count: int = 1) -> None:
        """Note records that nothing tells to be new or old; `settle` says whether they count."""
        self.held += count
        self.held_example = self.held_example or (where, why)

    def settle(self, first: bool) -> None:
        """Count held records as left out, unless this collection found nothing else and is not the first.

        Otherwise a source whose bad records are allowed would fail each time that it has nothing new.
        """
        if self.held and self.held_example and (first or self.rows):
            where, why = self.held_example
            self.rows += self.held
            self.reject(where if self.held == 1 else f"{self.held} records such as {where}", why)
            self.bad += self.held - 1

    def absent(self, names: Iterable[str], where: str) -> None:
        """Note needed fields that are not there."""
        for name in names:
            self.missing.setdefault(name, text(where))

    def document(self) -> dict[str, Any]:
        """Return it for ``round.json``."""
        columns = {name: sorted(kinds) for name, kinds in sorted(self.columns.items())}
        names = ("needed", "missing", "rows", "bad", "examples", "repeated")
        return {"columns": columns, **{name: getattr(self, name) for name in names}}


def drift(now: Findings, before: Mapping[str, list[str]] | None) -> dict[str, Any]:
    """Compare what the source looks like with what it looked like in its last round.

    Args:
        now: of this collection.
        before: ``columns`` of the round before; None where there is none.

    Returns:
        ``missing`` (needed fields that are not there), ``changed`` (of another type than before; needed ones first),
        ``new`` and ``gone`` (others).
    """
    changed = {}
    for name, kinds in now.columns.items():
        old = set((before or {}).get(name, ())) - {"nothing"}
        if old and kinds - {"nothing"} - old:
            changed[name] = f"{'/'.join(sorted(old))} before, {'/'.join(sorted(kinds))} now"
    tops = {name.partition(".")[0] for name in now.needed} | set(now.needed)
    return {
        "missing": dict(now.missing),
        "changed": {name: said for name, said in changed.items() if name in tops},
        "changed_others": {name: said for name, said in changed.items() if name not in tops},
        "new": sorted(set(now.columns) - set(before)) if before is not None else [],
        "gone": sorted(set(before) - set(now.columns) - set(now.missing)) if before is not None else [],
    }


def family(value: Any) -> str:
    """Return the family of a value's type, the same for databases, files and JSON."""
    if value is None:
        return "nothing"
    kind = value if isinstance(value, type) else type(value)
    families: tuple[tuple[tuple[type, ...], str], ...] = (
        ((bool,), "boolean"),
        ((str,), "text"),
        ((bytes, bytearray, memoryview), "binary"),
        ((datetime, date), "time"),
        ((list, tuple), "list"),
        ((dict,), "object"),
    )
    found = next((name for kinds, name in families if issubclass(kind, kinds)), None)
    return found or ("number" if hasattr(kind, "__float__") else kind.__name__)


def mark_of(value: Any, where: str) -> Mark:
    """Return a key of the source as a mark that JSON can hold.

    Raises:
        SourceError: the key is of a type that has no safe order.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | datetime):
        problem = f"the key has the type {type(value).__name__}"
        raise SourceError(where, problem, "Name a column of whole numbers, text or times as data.source.key")
    if isinstance(value, datetime):
        return {"type": "datetime", "value": value.isoformat()}
    return {"type": type(value).__name__, "value": value}


def value_of(mark: Mark) -> Any:
    """Return the key that a mark stands for."""
    return datetime.fromisoformat(mark["value"]) if mark["type"] == "datetime" else mark["value"]


class TimeMark:
    """A mark by time that loses nothing and takes nothing twice where many records share one time.

    It holds the greatest time and the keys taken at it; a record of that same time that comes later is still new.

    Args:
        mark: of the round before, or None.
        where: for errors.
    """

    def __init__(self, mark: Mark | None, where: str) -> None:
        self.where = where
        if mark and "keys" not in mark:
            problem = "it was collected by its key before, and project.yaml names a time now"
            raise SourceError(where, problem, "Take data.source.time out, or give the source another name")
        self.begin = value_of(mark) if mark else None
        self.done = frozenset(mark["keys"]) if mark else frozenset()
        self.last, self.keys = self.begin, list(self.done)

    def new(self, moment: Any, key: str) -> bool:
        """Tell whether a record was not taken by earlier rounds; if so, count it as taken.

        Raises:
            SourceError: the times are of several types, or too many records share one.
        """
        try:
            if self.begin is not None and (moment < self.begin or (moment == self.begin and key in self.done)):
                return False
            if self.last is None or moment > self.last:
                self.last, self.keys = moment, []
            if moment == self.last:
                self.keys.append(key)
        except TypeError as cause:
            problem = f"the time {text(moment)!r} cannot be compared with {text(self.last)!r}"
            raise SourceError(
                self.where, problem, "All times of a source must be of one type, all with or all without zone"
            ) from cause
        if len(self.keys) > MAX_TIES:
            problem = f"more than {MAX_TIES} records share the time {text(self.last)}"
            raise SourceError(self.where, problem, "Collect by a growing key instead: leave data.source.time out")
        return True

    def mark(self) -> Mark | None:
        """Return the mark behind all that was taken."""
        return None if self.last is None else {**mark_of(self.last, self.where), "keys": sorted(self.keys)}


def time_of(value: Any, where: str) -> datetime | None:
    """Return a time of the source in UTC; one without zone counts as UTC.

    Raises:
        SourceError: it is no time.
    """
    if value is None:
        return None
    try:
        return moment_of(value)
    except ValueError as cause:
        raise SourceError(where, f"{value!r} is no time", "Times are ISO 8601, such as 2026-01-31T09:00:00+09:00") from cause
