"""Changes of a branch as a whole: commit, merge, revert, cherry-pick and reset, each in one transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from include.local.data_server import compare, refs, tree
from include.local.data_server.errors import BadRequest, Conflict, Forbidden
from include.local.data_server.paging import after_all
from include.local.data_server.refs import Commit
from include.local.data_server.store import Session, now

STRATEGIES = ("", "source-wins", "dest-wins")


@dataclass(frozen=True)
class Note:
    """What a new commit says: message, metadata, and its time (seconds since 1970, None is now)."""

    message: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    created: int | None = None


def commit(session: Session, branch: str, note: Note, *, allow_empty: bool = False, force: bool = False) -> Commit:
    """Make a commit of a branch's uncommitted changes.

    Raises:
        BadRequest: nothing changed and ``allow_empty`` is not set.
        NotFound: there is no such branch.
        Forbidden: the branch is protected.
    """
    row = session.writable_branch(branch, force=force)
    parent = refs.load(session, row["head"])
    root = tree.apply(session.nodes, parent.tree, session.staged(row["pk"]))
    if root == parent.tree and not allow_empty:
        raise BadRequest(f"commit: no changes on branch {branch!r}")
    session.connection.execute("DELETE FROM staged WHERE branch=?", (row["pk"],))
    return _advance(session, row, [parent], root, note)


def merge(
    session: Session,
    source_ref: str,
    branch: str,
    note: Note,
    *,
    strategy: str = "",
    squash: bool = False,
    allow_empty: bool = False,
    force: bool = False,
) -> Commit:
    """Merge a reference into a branch; protected branches are changed this way.

    Args:
        session: a writing session.
        source_ref: whose commits to take (a branch's uncommitted changes stay out).
        branch: where to.
        note: the merge commit's words; an empty message is filled in.
        strategy: ``source-wins`` or ``dest-wins`` decides where both changed a path; empty refuses then.
        squash: keep the source out of the new commit's parents.
        allow_empty: merge although the source brings nothing.
        force: also into a read-only repository.

    Raises:
        BadRequest: nothing to merge, a branch into itself, unknown strategy, or uncommitted changes on the branch.
        Conflict: both sides changed the same paths.
        NotFound: there is no such reference or branch.
    """
    if strategy not in STRATEGIES:
        raise BadRequest(f"invalid merge strategy {strategy!r}: use 'source-wins', 'dest-wins', or leave it out")
    if source_ref == branch:
        raise BadRequest(f"cannot merge branch {branch!r} into itself")
    row = _clean_branch(session, branch, force=force)
    source, target = refs.commit_of(session, source_ref), refs.load(session, row["head"])
    base = refs.merge_base(session, source, target)
    if base.tree == source.tree and not (allow_empty or force):
        raise BadRequest(f"no changes: {source_ref!r} holds nothing that {branch!r} does not have")
    root = _merge_trees(session, base.tree, source.tree, target.tree, strategy, f"merging {source_ref!r} into {branch!r}")
    said = Note(
        note.message or f"Merge '{source_ref}' into '{branch}'",
        {**note.metadata, ".lakefs.merge.strategy": strategy or "default"},
        note.created,
    )
    return _advance(session, row, [target] if squash else [target, source], root, said)


def revert(
    session: Session, branch: str, ref: str, parent_number: int, note: Note, *, allow_empty: bool = False, force: bool = False
) -> Commit:
    """Take a commit's changes back on a branch.

    Args:
        session: a writing session.
        branch: where.
        ref: the commit to take back.
        parent_number: against which of its parents, from 1; 0 only where it has one.
        note: replaces the words made up for the new commit.
        allow_empty: commit although nothing changes.
        force: also in a read-only repository.

    Raises:
        BadRequest: no such parent, nothing changes, or the branch has uncommitted changes.
        Conflict: the paths were changed since, or a merge commit without parent number.
        NotFound: there is no such reference or branch.
    """
    row = session.writable_branch(branch, force=force)
    _clean_branch(session, branch, force=force)
    undone, target = refs.commit_of(session, ref), refs.load(session, row["head"])
    parent = _parent(session, undone, parent_number, Conflict)
    root = _merge_trees(session, undone.tree, parent.tree, target.tree, "", f"reverting {ref!r} on {branch!r}")
    if root == target.tree and not allow_empty:
        raise BadRequest(f"revert: no changes on branch {branch!r}")
    said = Note(note.message or f"Revert {undone.id}", note.metadata or undone.metadata, note.created)
    return _advance(session, row, [target], root, said)


def cherry_pick(session: Session, branch: str, ref: str, parent_number: int | None, note: Note, *, force: bool = False) -> Commit:
    """Apply a commit's changes on a branch; see :func:`revert` for the arguments.

    Raises:
        BadRequest: no such parent, a merge commit without one, nothing changes, or uncommitted changes.
        Conflict: the branch changed the same paths.
        NotFound: there is no such reference or branch.
    """
    row = session.writable_branch(branch, force=force)
    _clean_branch(session, branch, force=force)
    picked, target = refs.commit_of(session, ref), refs.load(session, row["head"])
    parent = _parent(session, picked, parent_number or 0, BadRequest)
    root = _merge_trees(session, parent.tree, picked.tree, target.tree, "", f"cherry-picking {ref!r} on {branch!r}")
    if root == target.tree:
        raise BadRequest(f"cherry-pick: no changes on branch {branch!r}")
    metadata = note.metadata or {
        **picked.metadata, "cherry-pick-origin": picked.id, "cherry-pick-committer": picked.committer,
    }  # fmt: skip
    return _advance(session, row, [target], root, Note(note.message or picked.message, metadata, note.created))


def reset(session: Session, branch: str, kind: str, path: str, *, force: bool = False) -> None:
    """Drop a branch's uncommitted changes.

    Args:
        session: a writing session.
        branch: where.
        kind: ``reset`` for all, ``object`` for one path, ``common_prefix`` for all under ``path``.
        path: which.
        force: also in a read-only repository.

    Raises:
        BadRequest: unknown kind or missing path.
        NotFound: there is no such branch.
        Forbidden: the branch is protected.
    """
    row = session.writable_branch(branch, force=force)
    if kind not in ("reset", "object", "common_prefix"):
        raise BadRequest("reset type is one of 'reset', 'object', 'common_prefix'")
    if kind != "reset" and not path:
        raise BadRequest(f"reset of type {kind!r} needs a path")
    where, values = "branch=?", [row["pk"]]
    if kind == "object":
        where, values = "branch=? AND path=?", [row["pk"], path]
    elif kind == "common_prefix":
        end = after_all(path)
        where, values = "branch=? AND path>=?", [row["pk"], path]
        if end is not None:
            where, values = f"{where} AND path<?", [*values, end]
    session.connection.execute(f"DELETE FROM staged WHERE {where}", values)


def hard_reset(session: Session, branch: str, ref: str, *, force: bool = False) -> None:
    """Let a branch point at another commit.

    Raises:
        BadRequest: the branch has uncommitted changes.
        NotFound: there is no such reference or branch.
        Forbidden: the branch is protected.
    """
    row = session.writable_branch(branch, force=force)
    _clean_branch(session, branch, force=force)
    _set_head(session, row, refs.resolve(session, ref).commit)


def _clean_branch(session: Session, branch: str, *, force: bool) -> sqlite3.Row:
    row = session.branch(branch)
    session.refuse_read_only(force=force)
    if session.is_dirty(row["pk"]):
        raise BadRequest(f"branch {branch!r} has uncommitted changes (dirty branch): commit or reset them first")
    return row


def _parent(session: Session, commit: Commit, number: int, without: type[BadRequest] | type[Conflict]) -> Commit:
    if number == 0:
        if len(commit.parents) > 1:
            raise without(f"commit {commit.id} is a merge: say by parent_number (from 1) against which parent")
        number = 1
    if not 1 <= number <= len(commit.parents):
        raise BadRequest(f"parent_number {number} is out of range: commit {commit.id} has {len(commit.parents)}")
    return refs.load(session, commit.parents[number - 1])


def _merge_trees(session: Session, base: str, source: str, target: str, strategy: str, doing: str) -> str:
    try:
        return compare.merge(session.nodes, base, source, target, strategy)
    except compare.MergeConflict as error:
        shown = ", ".join(repr(path) for path in error.paths[:10])
        more = f" and {error.count - 10} more" if error.count > 10 else ""
        raise Conflict(f"conflict found: {doing}: both sides changed {shown}{more}") from error


def _advance(session: Session, row: sqlite3.Row, parents: list[Commit], root: str, note: Note) -> Commit:
    made = refs.add(session, parents, root, note.message, note.metadata, now() if note.created is None else note.created)
    _set_head(session, row, made.id)
    return made


def _set_head(session: Session, row: sqlite3.Row, commit: str) -> None:
    session.connection.execute("UPDATE branch SET head=? WHERE pk=?", (commit, row["pk"]))


def check_deletable(session: Session, branch: str, *, force: bool = False) -> sqlite3.Row:
    """Return the row of a branch that may be deleted.

    Raises:
        NotFound: there is no such branch.
        Forbidden: it is protected, or the repository's default branch.
    """
    row = session.writable_branch(branch, force=force)
    if branch == session.repository["default_branch"]:
        raise Forbidden(f"cannot delete repository default branch {branch!r}")
    return row
