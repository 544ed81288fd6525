"""Bundles: rounds of several repositories as one version, by a recipe that copies no data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from include.clients.lakefs import DataRepository
from include.data import rounds, versions
from include.data.errors import ReferenceFault
from include.data.parts import split_document
from include.data.rounds import Piece, Ref
from include.data.tables import reader
from include.projects import Project
from include.settings import Settings


def make_bundle(settings: Settings, project: Project, run_id: str, author: str, parts: Sequence[Ref], notes: str = "") -> Ref:
    """Bundle rounds of dev and ops into a version of the ops repository.

    Args:
        settings: both data servers.
        project: whose data.
        run_id: of the pipeline run; the same run gets the same bundle.
        author: who makes it.
        parts: references in the order in which the first occurrence of a content counts, bare or as
            ``{"version": ...}`` and ``{"round": ...}``. One of a split or of a version brings the rounds of that
            version as ``old``, with the recipe by which they were split; one of a merged round brings that round
            as ``new``. A key ``origin`` says otherwise.
        notes: release notes of the version.

    Returns:
        The reference of the version, for `make_split`.

    Raises:
        ReferenceFault: nothing to bundle, or a part that does not exist or is empty.
    """
    repo = rounds.repository(settings, project, "ops")
    repo.ensure()
    where = f"bundle of run {run_id}"
    if not parts:
        raise ReferenceFault(where, "it has no parts", "Give a version or split and a round")
    found: dict[tuple[str, int], tuple[Piece, dict[str, int]]] = {}
    for part in parts:
        for piece, labels in _pieces(settings, _bare(part), where):
            found.setdefault((piece["repository"], piece["round"]), (piece, labels))
    pieces = [piece for piece, _ in found.values()]
    labels = sum((Counter(counts) for _, counts in found.values()), Counter())

    def contents(base: str) -> versions.Contents:
        known = rounds.numbers(repo, base)
        number = known[-1] + 1 if known else 1
        marks = rounds.describe(repo, base, known[-1])["high_water_marks"] if known else {}
        document = {
            "format": 1,
            "number": number,
            "kind": "bundle",
            "state": "labelled",
            "project": project.name,
            "source": "bundle",
            "author": author,
            "run_id": run_id,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "count": sum(piece["count"] for piece in pieces),
            "bytes": 0,
            "digest": versions.digest(pieces),
            "labels": dict(sorted(labels.items())),
            "high_water_marks": marks,
            "recipe": {"pieces": pieces},
        }
        return pieces, [number], {rounds.round_path(number): document}

    return versions.publish_version(settings, repo, project, run_id, author, notes, "bundle", contents)


def _bare(part: Ref) -> Ref:
    """Return the reference inside ``{"version": reference}`` or the like, with what stands beside it."""
    for name in ("split", "version", "round"):
        if isinstance(part.get(name), Mapping):
            return {**{key: value for key, value in part.items() if key != name}, **part[name]}
    return part


def _pieces(settings: Settings, part: Ref, where: str) -> list[tuple[Piece, dict[str, int]]]:
    repo = reader(settings, part)
    if "split_path" in part:
        pieces, origin = split_document(settings, part)["pieces"], part.get("origin", "old")
    elif "version" in part:
        pieces, origin = _version(settings, repo, part), part.get("origin", "old")
    elif part.get("round") and part.get("count"):
        described = rounds.describe(repo, part["commit"], part["round"])
        _merged(repo, described, where)
        pieces, origin = [versions.piece(repo, part["commit"], described)], part.get("origin", "new")
    else:
        problem = f"a part brings nothing: {sorted(part)} with count {part.get('count')}"
        raise ReferenceFault(where, problem, "Give references of versions, splits, or rounds that hold items")
    return [(cast(Piece, {**piece, "origin": origin}), _labels(settings, piece)) for piece in pieces]


def _version(settings: Settings, repo: DataRepository, part: Ref) -> list[Piece]:
    """Return the pieces of a version, with the recipe of its newest split where it was split."""
    if done := versions.find_split(repo, part["version"]):
        digest = done.metadata["digest"]
        path = f"splits/{digest.removeprefix('sha256:')}.json"
        ref = {**part, "commit": done.metadata["commit"], "split_path": path, "split_digest": digest}
        return list(split_document(settings, ref)["pieces"])
    return list(versions.document(repo, part["commit"], part["version"])["pieces"])


def _merged(repo: DataRepository, described: dict[str, Any], where: str) -> None:
    if rounds.merged(repo, described["run_id"], described["kind"], source=described["source"]) is None:
        problem = f"round {described['number']} of {repo.name} is not on main"
        raise ReferenceFault(where, problem, "Check and merge it first")


def _labels(settings: Settings, piece: Piece) -> dict[str, int]:
    return dict(rounds.describe(reader(settings, piece), piece["commit"], piece["round"])["labels"])
