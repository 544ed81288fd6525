"""Bundles: rounds of one or both zones, whole or by filter, as one version, by a recipe that copies no data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from include.clients.lakefs import DataRepository
from include.data import pieces, rounds, states, versions
from include.data.chosen import choose
from include.data.errors import ReferenceFault
from include.data.filters import Filter, filter_of
from include.data.parts import split_document
from include.data.rounds import Piece, Ref
from include.data.tables import reader
from include.projects import Project
from include.settings import Settings, Zone

NAMED = ("split", "version", "round")
BESIDE = {"filter", "origin", "of", "zone"}


def make_bundle(
    settings: Settings, project: Project, run_id: str, author: str, parts: Sequence[Ref], notes: str = "", zone: Zone = "ops"
) -> Ref:
    """Bundle rounds into a version of a zone's repository; it is a round of its own, with its recipe.

    Every content is in it once: the first with a label, or the first where none has one. What comes from a split
    stays in its parts, also where a filter takes only some of it.

    Args:
        settings: the data servers.
        project: whose data.
        run_id: of the pipeline run; the same run gets the same bundle.
        author: who makes it.
        parts: what it is made of, in the order in which the first occurrence of a content counts. Each is a
            reference, bare or as ``{"version": ...}``, ``{"round": ...}`` or ``{"split": ...}``; there a name will do
            (``"v3"``, 4, digits of a split's digest) in the zone of the bundle or of the key ``zone``. Several are
            one part as ``{"of": [...]}``. A split or version brings the rounds of that version as ``old``, with the
            recipe by which they were split; a merged round is ``new``; the key ``origin`` says otherwise. The key
            ``filter`` says which items are meant (`include.data.filters.Filter`).
        notes: release notes of the version.
        zone: whose repository takes it. Data of ops never get into dev.

    Returns:
        The reference of the version, for `make_split`.

    Raises:
        ReferenceFault: nothing to bundle, a part that does not exist, is empty or of another project, or a filter
            that is none, leaves nothing, or fewer items than its sample wants.
    """
    repo = rounds.repository(settings, project, zone)
    repo.ensure()
    where = f"bundle of run {run_id}"
    if rounds.merged(repo, run_id, "bundle"):
        return versions.publish_version(settings, repo, project, run_id, author, notes, "bundle", _made)
    if not parts:
        raise ReferenceFault(where, "it has no parts", "Give a version or split and a round")
    asked: list[dict[str, Any]] = []
    given: list[tuple[list[Piece], Filter]] = []
    for part in parts:
        if not isinstance(part, Mapping):
            raise ReferenceFault(where, f"a part is a mapping, not {type(part).__name__}", "Give {'version': 'v3'} or the like")
        wanted = filter_of(part.get("filter"), project, where)
        refs = [_resolved(settings, project, one, zone, where) for one in _listed(part)]
        given.append(([piece for ref in refs for piece in _pieces(settings, project, ref, zone, where)], wanted))
        asked.append({"of": [_told(ref) for ref in refs], "filter": wanted.document()})
    found = choose(settings, project, given, where)
    told = states.told(project, found.count, found.labelled, found.labels)

    def contents(base: str) -> versions.Contents:
        known = rounds.numbers(repo, base)
        number = known[-1] + 1 if known else 1
        marks = rounds.describe(repo, base, known[-1])["high_water_marks"] if known else {}
        document = {
            "format": 2,
            "number": number,
            "kind": "bundle",
            "state": told["state"],
            "project": project.name,
            "source": "bundle",
            "author": author,
            "run_id": run_id,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "count": found.count,
            "bytes": 0,
            "digest": pieces.digest(found.pieces),
            "labelled": found.labelled,
            "labels": told["labels"],
            "repeated": found.repeated,
            "contradicting": found.contradicting,
            "high_water_marks": marks,
            "recipe": {"parts": asked, "pieces": found.pieces},
        }
        return found.pieces, [number], {rounds.round_path(number): document}

    return versions.publish_version(settings, repo, project, run_id, author, notes, "bundle", contents, told)


def _made(base: str) -> versions.Contents:
    raise AssertionError("a bundle that was merged is not made again")


def _listed(part: Ref) -> list[Ref]:
    """Return the references of a part, each with the origin and zone that the part names."""
    given = part.get("of", [part])
    beside: dict[str, Any] = {name: part[name] for name in ("origin", "zone") if name in part}
    return [{**beside, **one} if "of" in part and isinstance(one, Mapping) else one for one in given]


def _resolved(settings: Settings, project: Project, part: Any, zone: Zone, where: str) -> Ref:
    """Return the reference that a part means: the one inside ``{"version": reference}`` or the like, or found by name."""
    if not isinstance(part, Mapping):
        raise ReferenceFault(where, f"{part!r} is no reference", "Give {'version': 'v3'}, {'round': 4} or {'split': '1a2b3c'}")
    _open(part.get("zone", zone), zone, where)
    for name in NAMED:
        value = part.get(name)
        if isinstance(value, Mapping):
            found = {**{key: one for key, one in part.items() if key not in ("filter", name)}, **value}
            break
        if value is not None and "commit" not in part:
            if unknown := set(part) - {name, *BESIDE}:
                raise ReferenceFault(where, f"{', '.join(sorted(unknown))} mean nothing beside {name}", "Leave them out")
            found = _named(settings, project, name, value, part.get("zone", zone), where)
            found |= {"origin": part["origin"]} if "origin" in part else {}
            break
    else:
        found = {key: value for key, value in part.items() if key != "filter"}
    if found.get("repository") not in project.repositories.values():
        problem = f"a part is of {found.get('repository') or 'no repository'}, and the bundle of {project.name}"
        raise ReferenceFault(where, problem, f"Take data of {' or '.join(project.repositories.values())}")
    _open(found["zone"], zone, where)
    return found


def _open(part: Any, zone: Zone, where: str) -> None:
    if part not in ("dev", "ops"):
        raise ReferenceFault(where, f"{part!r} is no zone", "Zones are dev and ops")
    if (part, zone) == ("ops", "dev"):
        problem = "a part is of the ops zone, whose data never get into dev"
        raise ReferenceFault(where, problem, "Bundle them in ops, or make a masked sample for dev")


def _named(settings: Settings, project: Project, kind: str, name: Any, zone: Zone, where: str) -> Ref:
    if kind == "version":
        return versions.version(settings, project, zone, str(name))
    if kind == "split":
        from include.data.split_views import find_split

        return find_split(settings, project, zone, str(name))
    if isinstance(name, bool) or not isinstance(name, int):
        raise ReferenceFault(where, f"{name!r} is no number of a round", "Give {'round': 4}")
    repo = rounds.repository(settings, project, zone)
    commit = repo.head("main")
    return rounds.reference(repo, rounds.describe(repo, commit, name), None, commit, new=False)


def _told(ref: Ref) -> dict[str, Any]:
    """Return what the recipe says about a part: enough to find it."""
    names = ("repository", "zone", "commit", "version", "round", "split_digest", "origin")
    return {name: ref[name] for name in names if ref.get(name) is not None}


def _pieces(settings: Settings, project: Project, part: Ref, zone: Zone, where: str) -> list[Piece]:
    repo = reader(settings, part)
    if "split_path" in part:
        found, origin = split_document(settings, part)["pieces"], part.get("origin", "old")
    elif "version" in part:
        found, origin = version_pieces(settings, repo, part), part.get("origin", "old")
    elif part.get("round") and part.get("count"):
        found, origin = _round(repo, project, part, where), part.get("origin", "new")
    else:
        problem = f"a part brings nothing: {sorted(part)} with count {part.get('count')}"
        raise ReferenceFault(where, problem, "Give references of versions, splits, or rounds that hold items")
    return [cast(Piece, {**piece, "origin": origin}) for piece in found]


def version_pieces(settings: Settings, repo: DataRepository, ref: Ref) -> list[Piece]:
    """Return the pieces of a version, with the recipe of its newest split where it was split."""
    if done := versions.find_split(repo, ref["version"]):
        digest = done.metadata["digest"]
        path = f"splits/{digest.removeprefix('sha256:')}.json"
        found = {**ref, "commit": done.metadata["commit"], "split_path": path, "split_digest": digest}
        return list(split_document(settings, found)["pieces"])
    return list(versions.document(repo, ref["commit"], ref["version"])["pieces"])


def _round(repo: DataRepository, project: Project, part: Ref, where: str) -> list[Piece]:
    """Return the pieces that a merged round is: itself, refined, with the labels given since; of a bundle, its own."""
    described = rounds.describe(repo, part["commit"], part["round"])
    bundle = described["kind"] == "bundle"
    about = {} if bundle else {"source": described["source"]}  # the merge of a bundle is that of its version
    if rounds.merged(repo, described["run_id"], described["kind"], **about) is None:
        problem = f"round {described['number']} of {repo.name} is not on main"
        raise ReferenceFault(where, problem, "Check and merge it first")
    if bundle:
        return list(described["recipe"]["pieces"])
    if described["kind"] not in versions.DATA:
        problem = f"round {described['number']} of {repo.name} is of kind {described['kind']} and holds no items"
        raise ReferenceFault(where, problem, f"Take a round of kind {', '.join(versions.DATA)}")
    found = pieces.refined_piece(repo, part["commit"], described, project)
    head = repo.head("main")
    labelled = pieces.with_labels(found, pieces.label_rounds(repo, head))
    return [pieces.with_sent_back(labelled, pieces.sent_back(repo, head, rounds.numbers(repo, head)))]
