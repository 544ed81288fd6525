"""What a data sheet is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from include.clients.lakefs import DataError
from include.data.lineage import Engines
from include.data.records import Document, Records, records
from include.projects import Project
from include.reports.links import record_url
from include.settings import Settings, Zone


@dataclass
class Facts:
    """What a sheet is made from: the version's own documents, and what is around it."""

    settings: Settings
    project: Project
    zone: Zone
    found: Records
    version: Document
    document: dict[str, Any]
    engines: Engines
    lineage: dict[str, Any]
    note: Any
    problems: list[str]

    @property
    def repository(self) -> str:
        """Return the version's repository."""
        return self.found.repository

    @cached_property
    def records(self) -> dict[str, Records]:
        """Return the records of each repository that the version's pieces lie in."""
        known = {self.repository: self.found}
        for piece in self.document["pieces"]:
            name = piece["repository"]
            if name not in known:
                try:
                    known[name] = records(self.settings, self.project, piece["zone"])
                except DataError as cause:
                    known[name] = Records(name, piece["zone"], None)
                    self.problems.append(f"Rounds of {name} are told by their counts alone: {cause}")
        return known

    @cached_property
    def pieces(self) -> list[tuple[dict[str, Any], Document | None]]:
        """Return the version's pieces, each with the record of its round where it can be seen."""
        numbered = {name: {one["number"]: one for one in found.rounds} for name, found in self.records.items()}
        return [(piece, numbered[piece["repository"]].get(piece["round"])) for piece in self.document["pieces"]]

    @cached_property
    def seen(self) -> list[Document]:
        """Return the rounds of the pieces that can be seen."""
        return [one for _, one in self.pieces if one is not None]

    @cached_property
    def labellings(self) -> list[tuple[str, Document]]:
        """Return the labelled rounds whose labels the version has, with their repositories."""
        wanted = {(given["repository"], given["round"]): None for piece, _ in self.pieces for given in piece.get("labels") or []}
        every = {(name, one["number"]): one for name, found in self.records.items() for one in found.rounds}
        return [(place[0], every[place]) for place in wanted if place in every]

    def record(self, path: str, ref: str | None = None, repository: str | None = None) -> str:
        """Return the address of a document, of the version's own tag where nothing else is said."""
        zone = self.records[repository].zone if repository else self.zone
        return record_url(self.settings, zone, self.project.name, ref or self.version["version"], path)

    @property
    def own(self) -> str:
        """Return the address of the version's document."""
        return self.record(f"versions/{self.version['version']}.json")

    def piece_record(self, piece: Mapping[str, Any], path: str) -> str:
        """Return the address of a document about a piece, at the commit that the version names."""
        return self.record(path, piece["commit"], piece["repository"])
