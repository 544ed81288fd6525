"""Merging: a checked round becomes part of main, and documents about rounds get there as safely."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from include.clients.lakefs import DataConflict, DataNotFound, DataRepository
from include.data import items, rounds
from include.data.checks import check_round
from include.data.collect import collect_round
from include.data.errors import ReferenceFault
from include.data.operating import collect_operating_round
from include.data.privacy import remake_sample, require_sample_approval
from include.data.refine import recipe_digest, refine_round
from include.data.review import require_review
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings

TRIES = 5  # each lost to another run that merged in between

Documents = Mapping[str, dict[str, Any] | Path]
Build = Callable[[str], tuple[Documents, str, dict[str, Any]]]


def merge_round(settings: Settings, project: Project, round_ref: Ref) -> Ref:
    """Merge a round whose checks have passed into main.

    Where another run merged a round since this one was collected, both have the same number and may hold the
    same rows: this one is dropped, collected again behind the other, checked again, and merged then.

    Args:
        settings: the data server, and the source for collecting again.
        project: as for `collect_round`.
        round_ref: of a round that `check_round` has passed.

    Returns:
        The round's reference with ``commit``, the merge. Number and count are those that were merged; count is 0
        where the other run had taken everything, or nothing was new in the first place.

    Raises:
        ReferenceFault: the round was not checked, or was changed after it.
        DataCheckError: the round that was collected again does not pass.
        DataConflict: others merged first again and again.
    """
    repo = rounds.repository(settings, project, round_ref["zone"])
    for _ in range(TRIES):
        if not round_ref["count"]:
            return {**round_ref, "commit": repo.head("main")}
        done = rounds.merged(repo, round_ref["run_id"], round_ref["kind"], source=round_ref["source"])
        branch = rounds.branch_name(round_ref["run_id"], round_ref["source"])
        if done:
            repo.delete_branch(branch)
            document = rounds.describe(repo, done.id, int(done.metadata["round"]))
            return rounds.reference(repo, document, None, done.id, new=round_ref["new"])
        if not repo.has(branch):
            round_ref = _again(settings, project, round_ref)
            if round_ref["kind"] != "labels":
                refine_round(settings, project, round_ref)
            check_round(settings, project, round_ref)
            continue
        document = _checked(repo, project, branch, round_ref)
        if document["kind"] == "sample":
            require_sample_approval(repo, branch, document)
        try:
            commit = repo.merge(branch, message=f"Merge round {document['number']}", metadata=rounds.metadata("merge", document))
        except DataConflict:
            repo.delete_branch(branch)
            continue
        repo.delete_branch(branch)
        return rounds.reference(repo, document, None, commit, new=round_ref["new"])
    problem = f"other runs merged first {TRIES} times"
    raise DataConflict(f"{repo.name}, run {round_ref['run_id']}", problem, "Try again; fewer collections at once help")


def publish(repo: DataRepository, branch: str, build: Build, source: str = "main") -> tuple[str, str, dict[str, Any]]:
    """Bring documents to main by a branch, a commit and a merge; begin again where another run was first.

    Args:
        repo: the repository.
        branch: a name that no other run or purpose uses; dropped afterwards.
        build: takes the commit that the branch begins at; gives documents (or files, kept as they are) by path, a
            message, and metadata (without ``step``).
        source: where the branch begins.

    Returns:
        The commit, the merge's commit, and the metadata.

    Raises:
        DataConflict: others merged the same paths first, again and again.
    """
    for attempt in range(TRIES):
        base = repo.new_branch(branch, source)
        documents, message, about = build(base)
        for path, document in documents.items():
            repo.put(branch, path, document if isinstance(document, Path) else items.dump(document))
        commit = repo.commit(branch, message, {**about, "step": "commit"})
        try:
            merge = repo.merge(branch, message=message, metadata={**about, "step": "merge", "commit": commit})
        except DataConflict:
            repo.delete_branch(branch)
            if attempt + 1 == TRIES:
                raise
            continue
        repo.delete_branch(branch)
        return commit, merge, about
    raise AssertionError("unreachable")


def _again(settings: Settings, project: Project, round_ref: Ref) -> Ref:
    run_id, author = round_ref["run_id"], round_ref["author"]
    if round_ref["kind"] == "labels":
        from include.data.labelling import renumber

        return renumber(settings, project, round_ref)
    if round_ref["kind"] == "sample":
        return remake_sample(settings, project, round_ref)
    if round_ref["kind"] == "operating":
        cursors = round_ref["cursors"]
        return collect_operating_round(settings, project, run_id, author, cursors["start"], cursors["end"])
    return collect_round(settings, project, round_ref["zone"], run_id, author)


def _checked(repo: DataRepository, project: Project, branch: str, round_ref: Ref) -> dict[str, Any]:
    """Return the round's description after making sure that exactly this round has passed its checks."""
    where = f"{repo.name}, branch {branch}"
    commit, head = rounds.round_commit(repo, branch), repo.commit_info(branch)
    number = int(head.metadata["round"])
    document = rounds.describe(repo, head.id, number)
    try:
        report = json.loads(repo.get(head.id, rounds.checks_path(number)))
    except DataNotFound as cause:
        raise ReferenceFault(where, f"round {number} was not checked", "Run its checks before merging it") from cause
    wanted = {"ok": True, "commit": commit, "digest": document["digest"], "count": document["count"]}
    wanted["recipe"] = recipe_digest(project) if project.data.refine and document["kind"] in rounds.ITEMS else None
    if {name: report.get(name) for name in wanted} != wanted:
        raise ReferenceFault(where, f"round {number} did not pass its checks, or changed since", "Run its checks again")
    require_review(repo, project, document, head.id)
    return document
