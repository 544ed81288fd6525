"""Versions: immutable tags, each with a document that says which rounds it is made of.

``versions/v1.json`` is merged before the tag is set, so two runs never get one number: only one merge of a path
succeeds. A tag that a killed run did not set any more is set by its next try.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from include.clients.lakefs import CommitInfo, DataNotFound, DataRepository
from include.data import items, refine, rounds, states
from include.data.errors import ReferenceFault
from include.data.merge import publish
from include.data.rounds import Piece, Ref
from include.projects import Project
from include.settings import Settings, Zone

Contents = tuple[list[Piece], list[int], dict[str, dict[str, Any]]]
DATA = ("collected", "operating", "sample")  # kinds of rounds that hold items
NAME = re.compile(r"^v([1-9]\d*)$")


def tag_version(settings: Settings, project: Project, round_ref: Ref, notes: str, author: str) -> Ref:
    """Tag what main holds up to a merged round as the next version; the same run gets the same version.

    Args:
        settings: the data server.
        project: whose repository.
        round_ref: the merged round; where it counts nothing, the latest version is returned.
        notes: release notes of the version.
        author: who makes it.

    Returns:
        The version's reference: repository, zone, version, commit, rounds, count, digest, run_id, author, new.

    Raises:
        ReferenceFault: the round was not merged, or nothing was ever collected.
    """
    repo = rounds.repository(settings, project, round_ref["zone"])
    if not round_ref["count"]:
        return latest_version(settings, project, round_ref["zone"])
    run_id = round_ref["run_id"]
    merged = rounds.merged(repo, run_id, round_ref["kind"], source=round_ref["source"])
    if merged is None:
        raise ReferenceFault(f"{repo.name}, run {run_id}", "its round is not on main", "Check and merge the round first")

    def pieces(base: str) -> Contents:
        upto = [number for number in rounds.numbers(repo, base) if number <= int(merged.metadata["round"])]
        described = [rounds.describe(repo, base, number) for number in upto]
        labels = [_label_round(repo, base, one) for one in described if one["kind"] == "labels"]
        found = [refined_piece(repo, base, one, project) for one in described if one["kind"] in DATA]
        if labels:
            found = [Piece(**{**one, "labels": labels}) for one in found]
        return found, upto, {}

    return publish_version(settings, repo, project, run_id, author, notes, "version", pieces)


def _label_round(repo: DataRepository, commit: str, described: dict[str, Any]) -> dict[str, Any]:
    fields = {"round": described["number"], "digest": described["digest"], "count": described["count"]}
    return {"repository": repo.name, "zone": repo.zone, "commit": commit, **fields}


def publish_version(
    settings: Settings,
    repo: DataRepository,
    project: Project,
    run_id: str,
    author: str,
    notes: str,
    kind: str,
    pieces: Callable[[str], Contents],
) -> Ref:
    """Merge a version's document, with what else belongs to it, and tag the merge.

    Args:
        settings: the data servers of the pieces.
        repo: takes the version.
        project: whose it is.
        run_id: of the pipeline run; the same run gets the same version.
        author: who makes it.
        notes: release notes.
        kind: ``version`` or ``bundle``.
        pieces: takes the commit begun at; gives the pieces, the numbers of the rounds that the version lists, and
            further documents by path.
    """
    done = rounds.merged(repo, run_id, kind)
    if done is None:

        def build(base: str) -> tuple[dict[str, dict[str, Any]], str, dict[str, Any]]:
            found, listed, more = pieces(base)
            name, told = _next(repo, base), states.labelled(settings, project, found)
            document = {
                "format": 2,
                "version": name,
                "kind": kind,
                "project": project.name,
                "notes": notes,
                "author": author,
                "run_id": run_id,
                "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "pieces": found,
                "count": sum(one["count"] for one in found),
                "digest": digest(found),
                "rounds": listed,
                **told,
            }
            names = ("kind", "project", "version", "author", "run_id", "count", "digest", "rounds", "state", "labelled")
            about = {key: document[key] for key in names}
            message = f"Version {name}: {notes}" if notes else f"Version {name}"
            return {**more, f"versions/{name}.json": document}, message, about

        _, merge, about = publish(repo, rounds.branch_name(run_id, kind), build)
        repo.tag(about["version"], merge)
        return _reference(repo, merge, about["version"], new=True)
    repo.tag(done.metadata["version"], done.id)
    return _reference(repo, done.id, done.metadata["version"], new=False)


def version(settings: Settings, project: Project, zone: Zone, name: str) -> Ref:
    """Return the reference of a version by its name, such as ``v3``.

    Raises:
        ReferenceFault: there is no such version.
    """
    repo = rounds.repository(settings, project, zone)
    try:
        return _reference(repo, repo.head(name), name, new=False)
    except DataNotFound as cause:
        known = ", ".join(_names(repo.tags())) or "none"
        raise ReferenceFault(repo.name, f"there is no version {name!r}", f"Versions there: {known}") from cause


def list_versions(settings: Settings, project: Project, zone: Zone) -> list[Ref]:
    """Return the references of all versions, oldest first."""
    repo = rounds.repository(settings, project, zone)
    tags = repo.tags()
    return [_reference(repo, tags[name], name, new=False) for name in _names(tags)]


def latest_version(settings: Settings, project: Project, zone: Zone) -> Ref:
    """Return the reference of the newest version.

    Raises:
        ReferenceFault: there is none yet.
    """
    repo = rounds.repository(settings, project, zone)
    tags = repo.tags()
    if not (names := _names(tags)):
        raise ReferenceFault(repo.name, "there is no version yet", "Collect a round, check it, merge it and tag it")
    return _reference(repo, tags[names[-1]], names[-1], new=False)


def document(repo: DataRepository, ref: str, name: str) -> dict[str, Any]:
    """Return a version's document as it was tagged."""
    return dict(json.loads(repo.get(ref, f"versions/{name}.json")))


def piece(repo: DataRepository, commit: str, described: dict[str, Any], origin: str = "", split: Any = None) -> Piece:
    """Return one round, as described at a commit, as part of a version, in its raw form."""
    return Piece(
        repository=repo.name,
        zone=repo.zone,
        commit=commit,
        round=described["number"],
        count=described["count"],
        digest=described["digest"],
        origin=origin,
        split=split,
    )


def refined_piece(repo: DataRepository, commit: str, described: dict[str, Any], project: Project) -> Piece:
    """Return one round as part of a version, refined by the steps that project.yaml names now.

    Raises:
        RefineError: it was not refined by them.
    """
    found = piece(repo, commit, described)
    if not project.data.refine:
        return found
    done = refine.report(repo, commit, described["number"], refine.recipe_digest(project))
    return Piece(**{**found, "count": done["count"], "digest": done["digest"], "table": done["table"]})


def digest(pieces: Sequence[Piece]) -> str:
    """Return the digest of a version: of the rounds it is made of, wherever they are read from."""
    names = ("repository", "round", "digest", "origin", "filter")
    found = [{name: one[name] for name in names if name in one} for one in pieces]  # type: ignore[literal-required]
    for one, its in zip(found, pieces, strict=True):
        if its.get("labels"):
            one["labels"] = [{name: label[name] for name in ("repository", "round", "digest")} for label in its["labels"]]
    return items.digest({"pieces": found})


def find_split(repo: DataRepository, name: str) -> CommitInfo | None:
    """Return the merge commit of the newest split of a version, or None."""
    return repo.find("main", step="merge", kind="split", version=name)


def _next(repo: DataRepository, base: str) -> str:
    paths = (path.removeprefix("versions/").removesuffix(".json") for path in repo.list(base, "versions/"))
    taken = [int(match[1]) for name in (*paths, *repo.tags()) if (match := NAME.match(name))]
    return f"v{max(taken, default=0) + 1}"


def _names(tags: dict[str, str]) -> list[str]:
    return sorted((name for name in tags if NAME.match(name)), key=lambda name: int(name[1:]))


def _reference(repo: DataRepository, commit: str, name: str, *, new: bool) -> Ref:
    found = document(repo, commit, name)
    names = ("kind", "version", "rounds", "count", "digest", "run_id", "author")
    told = {"state": found.get("state", "labelled"), "labelled": found.get("labelled", found["count"])}
    fields = {**{key: found[key] for key in names}, **told}
    return {"repository": repo.name, "zone": repo.zone, "commit": commit, **fields, "new": new}
