"""One folder of data: the database and the blobs, and the session in which one request works on a repository."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from include.local.data_server.blobs import Blobs
from include.local.data_server.database import Database, NodeCache, StoredNodes
from include.local.data_server.errors import Forbidden, NotFound
from include.local.data_server.tree import Entry, Nodes


class InUseError(RuntimeError):
    """Another data server works on the same folder."""


@dataclass
class Session:
    """One transaction on one repository.

    Args:
        connection: the open transaction.
        repository: the repository's row.
        nodes: its tree nodes.
        blobs: where content lies.
        user: who asks; becomes the committer.
    """

    connection: sqlite3.Connection
    repository: sqlite3.Row
    nodes: Nodes
    blobs: Blobs
    user: str

    @property
    def pk(self) -> int:
        """The repository's key in the database."""
        return int(self.repository["pk"])

    def branch(self, name: str) -> sqlite3.Row:
        """Return a branch's row.

        Raises:
            NotFound: there is no such branch.
        """
        row = self.connection.execute("SELECT * FROM branch WHERE repository=? AND id=?", (self.pk, name)).fetchone()
        if row is None:
            raise NotFound(f"branch {name!r} not found in repository {self.repository['id']!r}")
        return row

    def writable_branch(self, name: str, *, force: bool = False) -> sqlite3.Row:
        """Return a branch's row where people may change it directly.

        Raises:
            NotFound: there is no such branch.
            Forbidden: the branch is protected, or the repository is read-only and ``force`` is not set.
        """
        row = self.branch(name)
        self.refuse_read_only(force=force)
        for pattern in orjson.loads(self.repository["protection"]):
            if fnmatchcase(name, pattern):
                raise Forbidden(f"cannot write to protected branch {name!r}: write to another branch and merge it")
        return row

    def refuse_read_only(self, *, force: bool) -> None:
        """Raise where the repository takes no changes.

        Raises:
            Forbidden: it is read-only and ``force`` is not set.
        """
        if self.repository["read_only"] and not force:
            raise Forbidden(f"repository {self.repository['id']!r} is read-only")

    def staged(self, branch: int, start: str = "") -> Iterator[tuple[str, Entry | None]]:
        """Yield a branch's uncommitted (path, entry or None for removed) in order from ``start``."""
        rows = self.connection.execute("SELECT path, entry FROM staged WHERE branch=? AND path>=? ORDER BY path", (branch, start))
        for path, entry in rows:
            yield path, None if entry is None else load_entry(entry)

    def is_dirty(self, branch: int) -> bool:
        """Whether a branch has uncommitted rows."""
        return self.connection.execute("SELECT 1 FROM staged WHERE branch=? LIMIT 1", (branch,)).fetchone() is not None


def load_entry(text: str) -> Entry:
    """Return the entry that :func:`dump_entry` wrote."""
    return Entry(*orjson.loads(text))


def dump_entry(entry: Entry) -> str:
    """Return an entry as text."""
    return orjson.dumps(list(entry)).decode()


def now() -> int:
    """Return the time in seconds since 1970."""
    return int(time.time())


class Store:
    """Everything under one root folder, owned by one process at a time.

    Args:
        root: the folder; made where missing, readable by its owner alone.

    Raises:
        InUseError: another process has it.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root = root
        self._lock = FileLock(root / "server.lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise InUseError(f"{root} is in use by another data server: stop it first") from error
        self.blobs = Blobs(root)
        self.database = Database(root / "metadata.db")
        self.cache = NodeCache()

    @contextmanager
    def reading(self, repository: str, user: str) -> Iterator[Session]:
        """Give a session that sees one state of a repository.

        Raises:
            NotFound: there is no such repository.
        """
        with self.database.reading() as connection:
            yield self.session(connection, repository, user)

    @contextmanager
    def writing(self, repository: str, user: str, *, durable: bool = True) -> Iterator[Session]:
        """Give a session whose changes are kept as one, or not at all when anything is raised.

        Raises:
            NotFound: there is no such repository.
        """
        with self.database.writing(durable=durable) as connection:
            yield self.session(connection, repository, user)

    def session(self, connection: sqlite3.Connection, repository: str, user: str) -> Session:
        """Return a session on a repository in a transaction that is open already.

        Raises:
            NotFound: there is no such repository.
        """
        row = connection.execute("SELECT * FROM repository WHERE id=?", (repository,)).fetchone()
        if row is None:
            raise NotFound(f"repository {repository!r} not found")
        return Session(connection, row, StoredNodes(connection, row["pk"], self.cache), self.blobs, user)

    def close(self) -> None:
        """Close the database and let the folder go."""
        self.database.close()
        self._lock.release()
