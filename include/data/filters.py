"""Filters: which items of a part a bundle takes, and how the choice is written down.

A bundle keeps the filters that it was asked for in its round, and with each piece the rows that they chose, as one
bit a row. So what was chosen never depends on how a filter was read, and comes back by one look into the table.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import heapq
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from include.data.errors import IntegrityError, ReferenceFault
from include.data.labels import classes_of
from include.data.times import moment_of
from include.projects import Project

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ALL = "all"  # of the rows that a split was made of
COLUMNS = ("taken_at", "source", "group")  # of a table, looked at only where a filter asks

Names = Annotated[list[Annotated[str, Field(max_length=500)]], Field(min_length=1)]
Moment = Annotated[datetime, BeforeValidator(moment_of)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sample(_Model):
    """Some items by chance, always the same ones."""

    n: int = Field(ge=1, description="How many different items.")
    seed: int = Field(0, description="Another seed, other items.")


class Filter(_Model):
    """Which items are meant: those that all that is given holds for."""

    classes: Names | None = Field(None, description="With one of these classes; of boxes, masks and spans one is enough.")
    rounds: list[int] | None = Field(None, min_length=1, description="Of these rounds.")
    sources: Names | None = Field(None, description="From these sources.")
    groups: Names | None = Field(None, description="Of these groups.")
    labels: Literal["labelled", "unlabelled"] | None = Field(None, description="With a label, or without one.")
    taken_from: Moment | None = Field(None, description="Taken at this time or later; without zone it counts as UTC.")
    taken_to: Moment | None = Field(None, description="Taken before this time.")
    sample: Sample | None = Field(None, description="Of what is left, so many by chance.")

    @model_validator(mode="after")
    def _fits(self) -> Filter:
        if self.taken_from and self.taken_to and self.taken_from >= self.taken_to:
            raise ValueError(f"taken_from {self.taken_from.isoformat()} must lie before taken_to {self.taken_to.isoformat()}")
        if self.classes and self.labels == "unlabelled":
            raise ValueError("classes mean nothing to unlabelled items: leave one of the two out")
        return self

    def document(self) -> dict[str, Any]:
        """Return it as JSON-able values, what was not given left out."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def columns(self) -> list[str]:
        """Return the columns that it looks at, beside item_id and label."""
        wanted = {"taken_at": self.taken_from or self.taken_to, "source": self.sources, "group": self.groups}
        return [name for name in COLUMNS if wanted[name]]


def filter_of(value: Any, project: Project, where: str) -> Filter:
    """Return a filter from what a caller gave; nothing gives one that takes all.

    Args:
        value: None, a mapping, or a filter.
        project: its classes; names are compared in Unicode's composed form, so Hangul from any keyboard fits.
        where: for errors.

    Raises:
        ReferenceFault: an unknown key or class, or a value that means nothing; every problem is named.
    """
    if isinstance(value, Filter):
        made = value
    elif value is None or isinstance(value, Mapping):
        try:
            made = Filter(**{str(name): one for name, one in (value or {}).items()})
        except ValidationError as cause:
            told = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'filter'}: {one['msg']}" for one in cause.errors())
            raise ReferenceFault(where, told, f"A filter has {', '.join(Filter.model_fields)}") from cause
    else:
        raise ReferenceFault(where, f"a filter is a mapping, not {type(value).__name__}", "Give {'classes': [...]} or the like")
    if not made.classes or not project.classes:
        return made
    known = {unicodedata.normalize("NFC", name): name for name in project.classes}
    names = [known.get(unicodedata.normalize("NFC", name), name) for name in made.classes]
    if unknown := [name for name in names if name not in project.classes]:
        raise ReferenceFault(where, f"{', '.join(unknown)}: no such class", f"Classes are {', '.join(project.classes)}")
    return made.model_copy(update={"classes": names})


def matching(wanted: Filter, table: pa.Table, project: Project) -> np.ndarray:
    """Return which rows of a table a filter lets through, its sample and rounds left aside: bool (n,).

    Args:
        wanted: the filter.
        table: with ``label`` and the filter's columns.
        project: its task.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.ones(table.num_rows, dtype=bool)

    def only(column: Any) -> None:
        found[:] &= pc.fill_null(column, False).to_numpy(zero_copy_only=False).astype(bool, copy=False)

    if wanted.classes:
        if project.task == "classification":
            only(pc.is_in(table["label"], pa.array(wanted.classes)))
        else:
            names = set(wanted.classes)
            kept = (
                label is not None and not names.isdisjoint(classes_of(label, project)) for label in table["label"].to_pylist()
            )
            found &= np.fromiter(kept, bool, table.num_rows)
    if wanted.labels:
        only(pc.is_valid(table["label"]) if wanted.labels == "labelled" else pc.is_null(table["label"]))
    if wanted.sources:
        only(pc.is_in(table["source"], pa.array(wanted.sources)))
    if wanted.groups:
        only(pc.is_in(table["group"].cast(pa.string()), pa.array(wanted.groups)))
    if wanted.taken_from:
        only(pc.greater_equal(table["taken_at"], _time(wanted.taken_from)))
    if wanted.taken_to:
        only(pc.less(table["taken_at"], _time(wanted.taken_to)))
    return found


def sampled(ids: Iterable[str], sample: Sample) -> list[str]:
    """Return ``n`` of some ids: those whose SHA-256 with the seed is least, whatever order they come in."""

    def rank(one: str) -> tuple[bytes, str]:
        return hashlib.sha256(f"{sample.seed}\n{one}".encode()).digest(), one

    return heapq.nsmallest(sample.n, ids, key=rank)


def written(mask: np.ndarray, ids: Iterable[str]) -> dict[str, Any]:
    """Return a choice of rows as a document.

    Args:
        mask: which rows of a piece's table are meant, bool (n,).
        ids: the item ids of those, in order.
    """
    import numpy as np

    bits = base64.b64encode(zlib.compress(np.packbits(mask).tobytes(), 9)).decode()
    return {"of": len(mask), "rows": bits, "ids": ids_digest(ids)}


def read(choice: Mapping[str, Any], where: str, rows: str = "rows") -> np.ndarray:
    """Return which rows of a piece's table a document of `written` means, bool (n,).

    Args:
        choice: the document.
        where: for errors.
        rows: its field.

    Raises:
        IntegrityError: it is no such document.
    """
    import numpy as np

    try:
        bits = np.frombuffer(zlib.decompress(base64.b64decode(choice[rows], validate=True)), np.uint8)
        mask = np.unpackbits(bits, count=choice["of"]).astype(bool)
    except (KeyError, TypeError, ValueError, zlib.error, binascii.Error) as cause:
        problem = f"its choice of rows cannot be read: {cause}"
        raise IntegrityError(where, problem, "Do not use it; make the bundle again") from cause
    if len(bits) != (choice["of"] + 7) // 8:
        raise IntegrityError(where, "its choice of rows is of another table", "Do not use it; make the bundle again")
    return mask


def ids_digest(ids: Iterable[str]) -> str:
    """Return the digest of item ids in order."""
    running = hashlib.sha256()
    for one in ids:
        running.update(f"{one}\n".encode())
    return f"sha256:{running.hexdigest()}"


def _time(moment: datetime) -> Any:
    import pyarrow as pa

    return pa.scalar(moment.astimezone(UTC), pa.timestamp("us", tz="UTC"))
