"""References: branches, tags, commit ids and expressions on them, the log, and the merge base."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

import orjson

from include.local.data_server.errors import BadRequest, NotFound
from include.local.data_server.store import Session

_COMMIT = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{4,63}")
_EXPRESSION = re.compile(r"(?P<base>[^~^@$]+)(?P<steps>(?:[~^]\d*|@)*)")
_STEP = re.compile(r"([~^@])(\d*)")


class Commit(NamedTuple):
    """One commit; ``tree`` is the root of its content."""

    id: str
    parents: list[str]
    tree: str
    message: str
    metadata: dict[str, str]
    committer: str
    created: int
    generation: int

    def to_json(self) -> dict[str, object]:
        """Return the commit as the API shows it."""
        return {
            "id": self.id,
            "parents": self.parents,
            "committer": self.committer,
            "message": self.message,
            "creation_date": self.created,
            "meta_range_id": self.tree,
            "metadata": self.metadata,
            "generation": self.generation,
            "version": 1,
        }


class Resolved(NamedTuple):
    """What a reference stands for; ``branch`` is set where uncommitted changes are to be seen too."""

    commit: str
    branch: int | None


def load(session: Session, commit: str) -> Commit:
    """Return a commit by its full id.

    Raises:
        NotFound: there is none.
    """
    row = session.connection.execute("SELECT * FROM revision WHERE repository=? AND id=?", (session.pk, commit)).fetchone()
    if row is None:
        raise NotFound(f"commit {commit!r} not found")
    _, name, parents, tree, message, metadata, committer, created, generation = row
    return Commit(name, orjson.loads(parents), tree, message, orjson.loads(metadata), committer, created, generation)


def add(session: Session, parents: list[Commit], tree: str, message: str, metadata: dict[str, str], created: int) -> Commit:
    """Record a commit and return it; the same commit twice is one."""
    generation = max((p.generation for p in parents), default=0) + 1
    names = [p.id for p in parents]
    said = orjson.dumps([names, tree, message, metadata, session.user, created], option=orjson.OPT_SORT_KEYS)
    commit = Commit(sha256(said).hexdigest(), names, tree, message, metadata, session.user, created, generation)
    session.connection.execute(
        "INSERT OR IGNORE INTO revision VALUES (?,?,?,?,?,?,?,?,?)",
        (session.pk, commit.id, orjson.dumps(names).decode(), tree, message, orjson.dumps(metadata).decode(), session.user,
         created, generation),
    )  # fmt: skip
    return commit


def resolve(session: Session, ref: str) -> Resolved:
    """Return what a reference expression stands for.

    Args:
        session: an open session.
        ref: a branch, tag, commit id or unique beginning of one, then any of ``@`` (committed only),
            ``~N`` (N first parents back) and ``^N`` (the N-th parent).

    Raises:
        BadRequest: the expression is malformed.
        NotFound: it stands for nothing.
    """
    found = _resolve_name(session, ref)
    if found is not None:
        return found
    match = _EXPRESSION.fullmatch(ref)
    if match is None:
        raise BadRequest(f"invalid reference {ref!r}: use a branch, tag or commit id, then any of @, ~N, ^N")
    found = _resolve_name(session, match["base"])
    if found is None:
        raise NotFound(f"reference {match['base']!r} not found in repository {session.repository['id']!r}")
    commit = found.commit
    for kind, digits in _STEP.findall(match["steps"]):
        if kind == "@":
            continue
        if len(digits) > 9:
            raise BadRequest(f"invalid reference {ref!r}: the number is too large")
        count = int(digits) if digits else 1
        for _ in range(count if kind == "~" else min(count, 1)):
            parents = load(session, commit).parents
            wanted = count - 1 if kind == "^" else 0
            if wanted >= len(parents):
                raise NotFound(f"reference {ref!r} goes back further than the history")
            commit = parents[wanted]
    return Resolved(commit, None if match["steps"] else found.branch)


def _resolve_name(session: Session, name: str) -> Resolved | None:
    execute, pk = session.connection.execute, session.pk
    if _COMMIT.fullmatch(name) and execute("SELECT 1 FROM revision WHERE repository=? AND id=?", (pk, name)).fetchone():
        return Resolved(name, None)
    if row := execute("SELECT head, pk FROM branch WHERE repository=? AND id=?", (pk, name)).fetchone():
        return Resolved(row[0], row[1])
    if row := execute("SELECT head FROM tag WHERE repository=? AND id=?", (pk, name)).fetchone():
        return Resolved(row[0], None)
    if _PREFIX.fullmatch(name):
        rows = execute("SELECT id FROM revision WHERE repository=? AND id>=? AND id<? LIMIT 2", (pk, name, name + "g")).fetchall()
        if len(rows) > 1:
            raise NotFound(f"reference {name!r} is ambiguous: give more of the commit id")
        if rows:
            return Resolved(rows[0][0], None)
    return None


def commit_of(session: Session, ref: str) -> Commit:
    """Return the commit a reference stands for, a branch's head without its uncommitted changes."""
    return load(session, resolve(session, ref).commit)


def history(session: Session, start: str, *, first_parent: bool = False) -> Iterator[Commit]:
    """Yield a commit and its ancestors, every one once and never before one that came from it."""
    first = load(session, start)
    waiting = [(-first.generation, -first.created, first.id, first)]
    seen = {first.id}
    while waiting:
        commit = heapq.heappop(waiting)[3]
        yield commit
        for name in commit.parents[:1] if first_parent else commit.parents:
            if name not in seen:
                seen.add(name)
                parent = load(session, name)
                heapq.heappush(waiting, (-parent.generation, -parent.created, name, parent))


def merge_base(session: Session, a: Commit, b: Commit) -> Commit:
    """Return the latest common ancestor of two commits.

    Walks both histories from the newest generation back, so the cost is that of what lies between.

    Raises:
        BadRequest: they have none.
    """
    reached: dict[str, int] = {a.id: 1}
    reached[b.id] = reached.get(b.id, 0) | 2
    commits = {c.id: c for c in (a, b)}
    waiting = [(-c.generation, -c.created, c.id) for c in commits.values()]
    heapq.heapify(waiting)
    while waiting:
        name = heapq.heappop(waiting)[2]
        commit = commits.pop(name, None)
        if commit is None:
            continue
        if reached[name] == 3:
            return commit
        for parent in commit.parents:
            if parent not in reached:
                commits[parent] = found = load(session, parent)
                heapq.heappush(waiting, (-found.generation, -found.created, parent))
            reached[parent] = reached.get(parent, 0) | reached[name]
    raise BadRequest("the references have no common ancestor: they cannot be merged or compared")
