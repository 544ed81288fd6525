"""Versions: immutable tags, each with a document that says which rounds it is made of.

``versions/v1.json`` is merged before the tag is set, so two runs never get one number: only one merge of a path
succeeds. A tag that a killed run did not set any more is set by its next try. A version is made of all rounds up to
one, but for those that a rollback withdrew (`include.data.rollback`); bundles are versions beside that line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from include.clients.lakefs import CommitInfo, DataNotFound, DataRepository
from include.data import rounds, states
from include.data.errors import ReferenceFault
from include.data.merge import publish
from include.data.pieces import digest, label_round, refined_piece, sent_back, with_labels, with_sent_back
from include.data.rounds import Piece, Ref
from include.data.withdrawn import read_withdrawn
from include.projects import Project
from include.settings import Settings, Zone

Contents = tuple[list[Piece], list[int], dict[str, dict[str, Any]]]
DATA = ("collected", "operating", "sample")  # kinds of rounds that hold items
NAME = re.compile(r"^v([1-9]\d{0,8})$")
MANY = 20  # more names than that are told as a range


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
        ReferenceFault: the round was not merged or was withdrawn since, or nothing was ever collected.
    """
    repo = rounds.repository(settings, project, round_ref["zone"])
    if not round_ref["count"]:
        return latest_version(settings, project, round_ref["zone"])
    run_id = round_ref["run_id"]
    merged = rounds.merged(repo, run_id, round_ref["kind"], source=round_ref["source"])
    if merged is None:
        raise ReferenceFault(f"{repo.name}, run {run_id}", "its round is not on main", "Check and merge the round first")

    number = int(merged.metadata["round"])

    def pieces(base: str) -> Contents:
        out = read_withdrawn(repo, base)
        gone = {one["round"]: one for one in out["rounds"]}
        if why := gone.get(number):
            problem = f"round {number} was withdrawn by {why['by']} with {why['version']}: {why['reason']}"
            advice = "Collect what is right, or roll back to a version that has it"
            raise ReferenceFault(f"{repo.name}, run {run_id}", problem, advice)
        upto = [one for one in rounds.numbers(repo, base) if one <= number and one not in gone]
        kept = document(repo, out["base"]["commit"], out["base"]["version"])["pieces"] if out["base"] else []
        there = {one["round"] for one in kept if one["repository"] == repo.name}
        described = [rounds.describe(repo, base, one) for one in upto]
        labels = [label_round(repo, base, one) for one in described if one["kind"] == "labels"]
        new = [one for one in described if one["kind"] in DATA and one["number"] not in there]
        found = [*kept, *(refined_piece(repo, base, one, project) for one in new)]
        backs = sent_back(repo, base, [one["number"] for one in described])
        return [with_sent_back(with_labels(one, labels), backs) for one in found], upto, {}

    return publish_version(settings, repo, project, run_id, author, notes, "version", pieces)


def publish_version(
    settings: Settings,
    repo: DataRepository,
    project: Project,
    run_id: str,
    author: str,
    notes: str,
    kind: str,
    pieces: Callable[[str], Contents],
    told: dict[str, Any] | None = None,
    **more: str,
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
        told: what `include.data.states.labelled` says of the pieces, where it is known.
        more: further fields of the version's document and commit, by which the same run finds its version too.
    """
    done = rounds.merged(repo, run_id, kind, **more)
    if done is None:

        def build(base: str) -> tuple[dict[str, dict[str, Any]], str, dict[str, Any]]:
            found, listed, beside = pieces(base)
            name, state = next_name(repo, base), told or states.labelled(settings, project, found)
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
                **more,
                **state,
            }
            names = ("kind", "project", "version", "author", "run_id", "count", "digest", "rounds", "state", "labelled")
            about = {key: document[key] for key in (*names, *more)}
            message = f"Version {name}: {notes}" if notes else f"Version {name}"
            return {**beside, f"versions/{name}.json": document}, message, about

        _, merge, about = publish(repo, rounds.branch_name(run_id, " ".join([kind, *more.values()])), build)
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
    cause: DataNotFound | None = None
    if NAME.match(name):
        try:
            return _reference(repo, repo.head(name), name, new=False)
        except DataNotFound as missing:
            cause = missing
    names = _names(repo.tags())
    known = f"{names[0]} to {names[-1]}" if len(names) > MANY else ", ".join(names) or "none"
    raise ReferenceFault(repo.name, f"there is no version {name!r}", f"Versions there: {known}") from cause


def own(project: Project, version_ref: Ref) -> None:
    """Make sure that a reference is of a version of a project.

    Raises:
        ReferenceFault: it is of another project's, or of something else.
    """
    if version_ref.get("repository") not in project.repositories.values() or not NAME.match(str(version_ref.get("version"))):
        what = f"{version_ref.get('repository')} {version_ref.get('version')}"
        problem, advice = f"{what} is no version of {project.name}", f"Its data lie in {', '.join(project.repositories.values())}"
        raise ReferenceFault(f"project {project.name}", problem, advice)


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
    return dict(json.loads(stored(repo, ref, name)))


def stored(repo: DataRepository, ref: str, name: str) -> bytes:
    """Return the bytes of a version's document."""
    return repo.get(ref, f"versions/{name}.json")


def find_split(repo: DataRepository, name: str) -> CommitInfo | None:
    """Return the merge commit of the newest split of a version, or None."""
    return repo.find("main", step="merge", kind="split", version=name)


def next_name(repo: DataRepository, base: str) -> str:
    """Return the name of the next version."""
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
    if "rolled_back_to" in found:
        fields["rolled_back_to"] = found["rolled_back_to"]
    return {"repository": repo.name, "zone": repo.zone, "commit": commit, **fields, "new": new}
