"""All sources of a project as one: their items go into the same round, each behind a mark of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from include.clients.lakefs import DataNotFound, DataRepository
from include.data import labels, rounds
from include.data.items import Item
from include.data.sources import past
from include.data.sources.base import Findings, Mark, Reader, drift
from include.data.sources.readers import open_reader, source_names
from include.projects import Project
from include.settings import Settings, Zone

STRUCTURED = ("detection", "segmentation", "tagging", "question_answering")  # tasks whose labels are JSON


class Sources:
    """One collection from every source of a project.

    The items, fields and objects of a source in ``data.more_sources`` have its name before their own, so that those
    of two sources never meet. A source that fails fails the collection: a round has all of them or is not made.

    Args:
        settings: addresses and credentials.
        project: ``data.source`` and ``data.more_sources``.
        repo: holds the earlier rounds.
        known: their numbers.
        marks: ``high_water_marks`` of the last of them.
    """

    def __init__(
        self, settings: Settings, project: Project, repo: DataRepository, known: list[int], marks: dict[str, Mark | None]
    ) -> None:
        self.names = source_names(settings, project)
        self._repo, self._known = repo, known
        self._structured = project.task in STRUCTURED
        self.readers: dict[str, Reader] = {}
        for label, spec in project.data.sources.items():
            name = self.names[label]
            mine = past.past(repo, known, name, label, marks.get(name))
            self.readers[label] = open_reader(settings, spec, name, mine, project.data.content)
        needed = {label: reader.findings.needed for label, reader in self.readers.items()}
        self.findings = Findings([past.prefix(label) + one for label, names in needed.items() for one in names])
        self.counts = dict.fromkeys(self.names.values(), 0)

    def items(self) -> Iterator[Item]:
        """Yield what is new in the sources, one after another; raises as their readers do."""
        for label, reader in self.readers.items():
            before = past.prefix(label)
            for item in reader.items():
                self.counts[self.names[label]] += 1
                yield self._own(item, before)
            self._account(label, reader.findings)

    def _own(self, item: Item, before: str) -> Item:
        """Return an item with its source's label before its key, and a structured label in its canonical form."""
        if not before and not self._structured:
            return item
        said = item.label
        if self._structured and said is not None:
            with suppress(ValueError):  # the checks of the round say what is wrong with it
                said = labels.dump(labels.load(said))
        return replace(item, key=before + item.key, label=said)

    def marks(self) -> dict[str, Mark | None]:
        """Return the mark behind what was taken from each source, by its name."""
        return {self.names[label]: reader.mark for label, reader in self.readers.items()}

    def objects(self) -> dict[str, bytes]:
        """Return the objects to keep beside the round, by name."""
        found: dict[str, bytes] = {}
        for label, reader in self.readers.items():
            found.update({past.beside(label, what): content for what, content in reader.objects().items()})
        return found

    def document(self) -> dict[str, Any]:
        """Return what ``round.json`` says about the sources: items from each, what they looked like, what drifted."""
        seen = {name for label, name in self.names.items() if self.readers[label].findings.rows}
        before = past.columns(self._repo, self._known, seen)
        return {"sources": self.counts, "findings": {**self.findings.document(), **drift(self.findings, before)}}

    def _account(self, label: str, found: Findings) -> None:
        """Add what one source looked like."""
        mine, before = self.findings, past.prefix(label)
        for name, kinds in found.columns.items() if found.rows else ():
            mine.column(before + name, *kinds)
        mine.missing.update({before + name: where for name, where in found.missing.items()})
        mine.rows, mine.bad, mine.repeated = mine.rows + found.rows, mine.bad + found.bad, mine.repeated + found.repeated
        mine.examples += [f"{label}: {said}" if label else said for said in found.examples]


def source_name(settings: Settings, project: Project) -> str:
    """Return what a round from the project's sources names as its source; it holds no credential.

    Raises:
        SourceError: a REST source names no address.
    """
    return " + ".join(source_names(settings, project).values())


def pending(settings: Settings, project: Project, zone: Zone) -> dict[str, Any]:
    """Return what the sources have that no round of a zone holds yet, without taking it.

    Rows behind the mark of a table, new and changed files, records behind the offsets of a stream, new records of an
    API up to ``data.start.min_new``: nothing is read that a count or a listing tells.

    Args:
        settings: data server, and addresses of sources.
        project: its sources, and ``data.start``.
        zone: whose rounds count.

    Returns:
        ``new`` (whether it is enough for ``data.start.min_new``), ``count`` (rows, files and records), ``sources`` (the
        same by source), and ``state``, which differs as soon as anything came or was collected.

    Raises:
        DataError: a source or the data server does not answer, or a source is not as project.yaml says.
    """
    repo = rounds.repository(settings, project, zone)
    try:
        known = rounds.numbers(repo)
    except DataNotFound:  # nothing was ever collected
        known = []
    marks = rounds.describe(repo, "main", known[-1])["high_water_marks"] if known else {}
    sources = Sources(settings, project, repo, known, marks)
    enough = project.data.start.min_new
    found = {sources.names[label]: reader.pending(enough) for label, reader in sources.readers.items()}
    counts = {name: one.count for name, one in found.items()}
    state = {name: [marks.get(name), one.count, one.state] for name, one in found.items()}
    said = json.dumps(state, sort_keys=True, default=str).encode("utf-8", "backslashreplace")
    count = sum(counts.values())
    return {"new": count >= enough, "count": count, "sources": counts, "state": hashlib.sha256(said).hexdigest()}
