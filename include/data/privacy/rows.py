"""Which rows of ops data a sample has, and the digest of the masked ones."""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from include.clients.lakefs import DataRepository
from include.data import items, labels, rounds
from include.data.errors import IntegrityError
from include.data.items import Item
from include.projects import Project
from include.projects.masking import Masking

LOOK = 512  # rows whose contents are held in memory at a time
FIELDS = ("key", "content", "label", "taken_at", "source")


@dataclass(frozen=True)
class Chosen:
    """The rows of a sample.

    Attributes:
        commit: of the ops repository.
        rows: row numbers by round.
        found: how many different items there were to choose from, at most.
    """

    commit: str
    rows: dict[int, set[int]]
    found: int

    @property
    def count(self) -> int:
        """Return how many rows are chosen."""
        return sum(map(len, self.rows.values()))


def choose(ops: DataRepository, commit: str, project: Project, masking: Masking) -> Chosen:
    """Choose rows by the seed: the same rows of the same commit, each content once, in no order that the data know."""
    heap: list[tuple[int, str, int, int]] = []  # the largest rank first, so that it leaves first
    members: set[str] = set()
    found = 0
    for document in rounds.descriptions(ops, commit):
        if not _selected(document, masking):
            continue
        number = int(document["number"])
        for row, (one, label) in enumerate(_ids(ops, commit, number)):
            if masking.select.labels is not None and not _labelled(label, project, masking.select.labels):
                continue
            found += 1
            rank = int.from_bytes(hashlib.sha256(f"{masking.seed}\n{one}".encode()).digest())
            if one in members or (len(heap) == masking.rows and -rank <= heap[0][0]):
                continue
            heapq.heappush(heap, (-rank, one, number, row))
            members.add(one)
            if len(heap) > masking.rows:
                members.discard(heapq.heappop(heap)[1])
    rows: dict[int, set[int]] = defaultdict(set)
    for _, _, number, row in heap:
        rows[number].add(row)
    return Chosen(commit, dict(sorted(rows.items())), found)


def originals(ops: DataRepository, chosen: Chosen, project: Project, grouped: bool) -> Iterator[Item]:
    """Yield the chosen items as ops has them.

    Raises:
        IntegrityError: a content is not the one that its id says.
    """
    form = project.data.content
    for number, wanted in chosen.rows.items():
        with items.opened(ops, chosen.commit, rounds.items_path(number)) as file:
            first = 0
            names = ["item_id", *FIELDS] + [items.GROUP] * (grouped and items.has_groups(file))
            for batch in file.iter_batches(min(LOOK, items.batch_rows(form)), columns=names):
                places = [row - first for row in range(first, first + batch.num_rows) if row in wanted]
                first += batch.num_rows
                for row in batch.take(places).to_pylist() if places else []:
                    if items.item_id(row["content"], form) != row.pop("item_id"):
                        where = f"{ops.name}/{rounds.items_path(number)} at {chosen.commit}"
                        raise IntegrityError(where, "a content is not the one its id says", "Find out who changed it")
                    yield Item(**row)


def rows_digest(repo: DataRepository, ref: str, number: int) -> str:
    """Return the digest of all rows of a round: contents, keys, labels, groups, times and sources."""
    with items.opened(repo, ref, rounds.items_path(number)) as file:
        return digest_of(items.stream(file))


def digest_of(rows: Iterable[Item]) -> str:
    """Return the digest of rows in order."""
    running = hashlib.sha256()
    for one in rows:
        moment = None if one.taken_at is None else one.taken_at.astimezone(UTC).isoformat(timespec="microseconds")
        content = hashlib.sha256(one.content).hexdigest()
        running.update(items.dump({"row": [one.key, content, one.label, moment, one.source, one.group]}) + b"\n")
    return f"sha256:{running.hexdigest()}"


def _ids(repo: DataRepository, commit: str, number: int) -> Iterator[tuple[str, str | None]]:
    with items.opened(repo, commit, rounds.items_path(number)) as file:
        for batch in file.iter_batches(items.BATCH, columns=["item_id", "label"]):
            yield from zip(batch["item_id"].to_pylist(), batch["label"].to_pylist(), strict=True)


def _selected(document: dict[str, Any], masking: Masking) -> bool:
    wanted = masking.select
    return document["kind"] in wanted.kinds and (wanted.rounds is None or document["number"] in wanted.rounds)


def _labelled(label: str | None, project: Project, wanted: list[str]) -> bool:
    return label is not None and not set(labels.classes_of(label, project)).isdisjoint(wanted)
