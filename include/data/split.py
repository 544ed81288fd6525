"""Splits: the recipe of a version's parts, what identifies each, and what was found to leak; stored once.

How items are divided is in `include.data.recipes`. What is stored under ``splits/`` names rounds and recipes and
the digests of ids and labels, not the items: those come back from the recipe and are compared with the digests.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from include.clients.lakefs import DataConflict, DataNotFound, DataRepository
from include.data import folds, items, rounds, versions
from include.data.errors import ReferenceFault
from include.data.labels import names
from include.data.leakage import LeakageError, leakage
from include.data.merge import publish
from include.data.recipes import PARTS, Assignment, Recipe, Rows, assign, by_group, edges, recipe, with_cuts
from include.data.rounds import Piece, Ref
from include.data.tables import read_divided
from include.projects import Project
from include.projects.tasks import UNLABELLED, Task
from include.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 3  # 1 had no leakage and groups_may_cross, 2 no task


def make_split(settings: Settings, project: Project, version_ref: Ref) -> Ref:
    """Make and store the split of a version; the same version and recipe give the same split.

    Rounds that a bundle took from a version that was split before keep the recipe of that split.

    Args:
        settings: the data server.
        project: ``split`` is the recipe of rounds that have none.
        version_ref: from `tag_version` or `make_bundle`.

    Returns:
        The split's reference: repository, zone, version, commit, split_path, split_digest, counts by part (with
        folds, those of the first) and, with folds, ``folds``: how many, of nested ones outer and inner.
        ``commit`` holds the version's data and the split, and nothing that came later.

    Raises:
        ReferenceFault: a part would be empty, or items lack the group or time that the method needs.
        LeakageError: parts share what they must not share; nothing was stored.
    """
    repo = DataRepository(settings, version_ref["repository"], version_ref["zone"])
    name = version_ref["version"]
    where = f"{repo.name}, version {name}"
    how = recipe(project.split)
    version = versions.document(repo, version_ref["commit"], name)
    if version.get("state") == "refined" and project.task not in UNLABELLED:
        problem = f"it is refined and not labelled: {version['labelled']} of {version['count']} items have a label"
        raise ReferenceFault(where, problem, "Label it first; a split divides labelled data")
    found = version["pieces"]
    timed = any((piece["split"] or how)["method"] == "time" for piece in found)
    tables = [rows_of(*read_divided(settings, piece, columns(timed)), task=project.task) for piece in found]
    if how["method"] == "time" and not all(piece["split"] for piece in found):
        how = with_cuts(how, _new_times(found, tables), where)
    pieces = [cast(Piece, {**piece, "split": piece["split"] or how}) for piece in found]
    assignment = assign((round_name(piece), recipe_of(piece), rows) for piece, rows in zip(pieces, tables, strict=True))
    _grouped(pieces, tables, where)
    document = {
        "format": FORMAT,
        "project": project.name,
        "version": name,
        "commit": version_ref["commit"],
        "pieces": pieces,
        "parts": describe_parts(assignment, recipe_of(pieces[0]), project.task),
        "left_out": {
            "unlabelled": assignment.unlabelled,
            "repeated": assignment.repeated,
            "contradicting": assignment.contradicting,
        },
        "task": project.task,
        "groups_may_cross": project.split.groups_may_cross,
        "leakage": leaks(pieces, tables, assignment, project.split.groups_may_cross),
    }
    if empty := [part for part, described in document["parts"].items() if not described["count"]]:  # type: ignore[attr-defined]
        told = ", ".join(f"fold {part}" if part not in PARTS else part for part in empty[:5])
        advice = "Collect more labelled items, or change split in project.yaml: its ratios, or fewer folds"
        raise ReferenceFault(where, f"{told} would be empty", advice)
    if not document["leakage"]["ok"]:  # type: ignore[index]
        raise LeakageError(where, document["leakage"])  # type: ignore[arg-type]
    digest = items.digest(document)
    path = split_path(digest)
    about = {
        "kind": "split",
        "project": project.name,
        "version": name,
        "digest": digest,
        "author": version_ref["author"],
        "run_id": version_ref["run_id"],
        "count": len(assignment.parts),
        "method": how["method"],
    }
    commit = _store(repo, path, document, digest, about, version_ref["commit"])
    return reference(repo, document, commit, digest)


def reference(repo: DataRepository, document: Mapping[str, Any], commit: str, digest: str) -> Ref:
    """Return the reference that tasks hand on about a stored split."""
    how = recipe_of(document["pieces"][0])
    counts = dict.fromkeys(PARTS, 0)
    for slot, part in folds.parts_of(how, None, digest).items():
        counts[part] += document["parts"][slot]["count"]
    place = {"repository": repo.name, "zone": repo.zone, "version": document["version"], "commit": commit}
    more = {"folds": shape} if (shape := folds.shape(how)) else {}
    return {**place, "split_path": split_path(digest), "split_digest": digest, "counts": counts, **more}


def split_path(digest: str) -> str:
    """Return where the split of a digest lies in its repository."""
    return f"splits/{digest.removeprefix('sha256:')}.json"


def describe_parts(assignment: Assignment, how: Recipe, task: Task) -> dict[str, dict[str, Any]]:
    """Return what identifies each slot: how many items, the digests of its ids and of its labels, the classes."""
    ids: dict[str, list[str]] = {slot: [] for slot in edges(how)}
    for one, slot in sorted(assignment.parts.items()):
        ids[slot].append(one)
    return {slot: _describe(found, assignment.labels, task) for slot, found in ids.items()}


def leaks(pieces: Sequence[Piece], tables: Sequence[Rows], assignment: Assignment, groups_may_cross: bool) -> dict[str, Any]:
    """Return the report of `leakage` on the rows that a split gives out."""
    recipes = [(recipe_of(piece), rows) for piece, rows in zip(pieces, tables, strict=True)]
    return leakage(recipes, assignment.given, groups_may_cross)


def round_name(piece: Piece) -> str:
    """Return the name of a round in strata: the same wherever the round is used."""
    return f"{piece['repository']}/{piece['round']:06d}"


def recipe_of(piece: Piece) -> Recipe:
    """Return the recipe that a round of a split follows."""
    if piece["split"] is None:
        raise ReferenceFault(round_name(piece), "no recipe is recorded for it", "Make the split again")
    return piece["split"]


def columns(timed: bool) -> list[str]:
    """Return the columns of a round's table that a split needs."""
    return ["item_id", "label", items.GROUP, *(["taken_at"] if timed else [])]


def rows_of(table: pa.Table, chosen: Sequence[bool] | None = None, *, task: Task) -> Rows:
    """Return the columns of a round's table that a split looks at, and which of its rows are given out.

    What has no label is left out of a split (label None), unless the task learns without labels (an empty one).
    """
    import pyarrow as pa

    groups = table[items.GROUP]
    times = table["taken_at"].cast(pa.int64()).to_pylist() if "taken_at" in table.column_names else None
    whose = None if groups.null_count == len(groups) else groups.to_pylist()
    labels = table["label"].to_pylist()
    if task in UNLABELLED:
        labels = [label or "" for label in labels]
    return Rows(table["item_id"].to_pylist(), labels, whose, times, chosen)


def _new_times(pieces: Sequence[Piece], tables: Sequence[Rows]) -> list[int | None]:
    """Return the times of the items, each content once, in rounds that have no recipe yet."""
    times: dict[str, int | None] = {}
    old: set[str] = set()
    for piece, rows in zip(pieces, tables, strict=True):
        for one, label, at in zip(rows.ids, rows.labels, rows.times or [], strict=True):
            if label is None or one in old or one in times:
                continue
            if piece["split"]:
                old.add(one)
            else:
                times[one] = at
    return list(times.values())


def _grouped(pieces: Sequence[Piece], tables: Sequence[Rows], where: str) -> None:
    asked = [rows for piece, rows in zip(pieces, tables, strict=True) if by_group(recipe_of(piece))]
    if asked and all(rows.groups is None for rows in asked):
        advice = "Name data.source.group and collect rounds with it, or split by another method"
        raise ReferenceFault(where, "it is to be split by group, and no item of it has one", advice)


def _describe(ids: list[str], labels: Mapping[str, str], task: Task) -> dict[str, Any]:
    return {
        "count": len(ids),
        "ids": _lines_digest(ids),
        "labels": _lines_digest(f"{one} {json.dumps(labels[one])}" for one in ids),
        "classes": dict(sorted(Counter(name for one in ids for name in names(labels[one], task)).items())),
    }


def _store(repo: DataRepository, path: str, document: dict[str, Any], digest: str, about: dict[str, Any], source: str) -> str:
    def stored() -> str | None:
        done = repo.find("main", step="merge", kind="split", digest=digest)
        return done.metadata["commit"] if done else None

    if commit := stored():
        return commit
    branch = rounds.branch_name(f"{about['run_id']}", f"split {digest}")
    try:
        commit, _, _ = publish(repo, branch, lambda _: ({path: document}, f"Split of {about['version']}", about), source)
    except (DataConflict, DataNotFound):  # another run stored the same split at the same moment
        if commit := stored():
            return commit
        raise
    return commit


def _lines_digest(lines: Iterable[str]) -> str:
    return f"sha256:{hashlib.sha256(''.join(f'{line}' + chr(10) for line in lines).encode()).hexdigest()}"
