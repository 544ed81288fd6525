"""Objects on a reference: reading them with what is not committed yet, and staging changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from include.local.data_server import refs, tree
from include.local.data_server.blobs import Received
from include.local.data_server.errors import BadRequest, NotFound, PreconditionFailed
from include.local.data_server.names import check_path
from include.local.data_server.store import Session, dump_entry, load_entry, now
from include.local.data_server.tree import Entry

MOST_DELETED = 1000


@dataclass(frozen=True)
class View:
    """The objects that a reference shows: a commit's, under a branch's uncommitted ones.

    Args:
        session: an open session.
        root: root of the commit's tree.
        branch: key of the branch whose uncommitted changes are shown, or None.
    """

    session: Session
    root: str
    branch: int | None

    def get(self, path: str) -> Entry | None:
        """Return one object's entry, None where there is none."""
        if self.branch is not None:
            row = self.session.connection.execute(
                "SELECT entry FROM staged WHERE branch=? AND path=?", (self.branch, path)
            ).fetchone()
            if row is not None:
                return None if row[0] is None else load_entry(row[0])
        return tree.get(self.session.nodes, self.root, path)

    def scan(self, start: str = "") -> Iterator[tuple[str, Entry]]:
        """Yield (path, entry) in order from ``start``."""
        committed = tree.scan(self.session.nodes, self.root, start)
        staged = iter(()) if self.branch is None else self.session.staged(self.branch, start)
        return overlay(committed, staged)


def overlay(committed: Iterator[tuple[str, Entry]], staged: Iterator[tuple[str, Entry | None]]) -> Iterator[tuple[str, Entry]]:
    """Yield the union of two sorted runs; the second wins, and hides where it says None."""
    old, new = next(committed, None), next(staged, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            assert old is not None
            yield old
            old = next(committed, None)
            continue
        if new[1] is not None:
            yield new[0], new[1]
        if old is not None and old[0] == new[0]:
            old = next(committed, None)
        new = next(staged, None)


def view(session: Session, ref: str) -> View:
    """Return what a reference shows.

    Raises:
        NotFound: there is no such reference.
    """
    found = refs.resolve(session, ref)
    return View(session, refs.load(session, found.commit).tree, found.branch)


def find(session: Session, ref: str, path: str) -> Entry:
    """Return one object's entry.

    Raises:
        NotFound: there is no such reference or object.
    """
    entry = view(session, ref).get(check_path(path))
    if entry is None:
        raise NotFound(f"object {path!r} not found on {ref!r}")
    return entry


def put(
    session: Session,
    branch: str,
    path: str,
    received: Received,
    content_type: str,
    metadata: dict[str, str],
    *,
    if_none_match: str | None = None,
    if_match: str | None = None,
    force: bool = False,
) -> Entry:
    """Stage one object's new content and return its entry.

    Raises:
        NotFound: there is no such branch.
        Forbidden: the branch is protected.
        PreconditionFailed: the object exists, or is not the one that was named.
    """
    row = session.writable_branch(branch, force=force)
    if if_none_match is not None or if_match is not None:
        old = view(session, branch).get(path)
        if if_none_match is not None and old is not None:
            raise PreconditionFailed(f"object {path!r} exists already on branch {branch!r}")
        if if_match is not None and (old is None or old.checksum != if_match.strip('"')):
            raise PreconditionFailed(f"object {path!r} on branch {branch!r} is not the one that If-Match names")
    session.blobs.keep(session.connection, received)
    entry = Entry(received.sha, received.size, now(), content_type, metadata, received.checksum)
    stage(session, row["pk"], path, entry)
    return entry


def stage(session: Session, branch: int, path: str, entry: Entry | None) -> None:
    """Write one uncommitted row."""
    session.connection.execute(
        "INSERT OR REPLACE INTO staged VALUES (?,?,?)", (branch, path, None if entry is None else dump_entry(entry))
    )


def delete(session: Session, branch: str, paths: Iterable[str], *, force: bool = False) -> None:
    """Stage the removal of objects; those that are not there are left out silently, as lakeFS does.

    Raises:
        BadRequest: more than :data:`MOST_DELETED` paths, or a path that cannot name an object.
        NotFound: there is no such branch.
        Forbidden: the branch is protected.
    """
    wanted = [check_path(path) for path in paths]
    if len(wanted) > MOST_DELETED:
        raise BadRequest(f"request size exceeded: at most {MOST_DELETED} paths in one call")
    row = session.writable_branch(branch, force=force)
    root = refs.load(session, row["head"]).tree
    for path in wanted:
        if tree.get(session.nodes, root, path) is not None:
            stage(session, row["pk"], path, None)
        else:
            session.connection.execute("DELETE FROM staged WHERE branch=? AND path=?", (row["pk"], path))


def copy(session: Session, source_ref: str, source: str, branch: str, path: str, *, force: bool = False) -> Entry:
    """Stage a copy of an object, its metadata included, and return the copy's entry.

    Raises:
        NotFound: there is no such reference, object or branch.
        Forbidden: the branch is protected.
    """
    row = session.writable_branch(branch, force=force)
    entry = find(session, source_ref or branch, source)._replace(mtime=now())
    stage(session, row["pk"], path, entry)
    return entry


def set_metadata(session: Session, branch: str, path: str, metadata: dict[str, str]) -> None:
    """Stage an object with all its user metadata replaced.

    Raises:
        NotFound: there is no such branch or object.
        Forbidden: the branch is protected.
    """
    row = session.writable_branch(branch)
    stage(session, row["pk"], path, find(session, branch, path)._replace(metadata=metadata))


def content(session: Session, entry: Entry) -> bytes | None:
    """Return an object's bytes where they lie in the database, None where they are a file."""
    return session.blobs.small(session.connection, entry.sha)
