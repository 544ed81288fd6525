"""The metadata database: its tables, its connections, and transactions that are whole or not there."""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.local.data_server.errors import ApiError
from include.local.data_server.tree import Node

FORMAT = 1
CACHED_NODES = 1024

_TABLES = """
CREATE TABLE IF NOT EXISTS repository (
    pk INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL,
    default_branch TEXT NOT NULL, created INTEGER NOT NULL, read_only INTEGER NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}', protection TEXT NOT NULL DEFAULT '[]');
CREATE TABLE IF NOT EXISTS branch (
    pk INTEGER PRIMARY KEY AUTOINCREMENT, repository INTEGER NOT NULL, id TEXT NOT NULL, head TEXT NOT NULL,
    hidden INTEGER NOT NULL DEFAULT 0, UNIQUE (repository, id));
CREATE TABLE IF NOT EXISTS tag (
    repository INTEGER NOT NULL, id TEXT NOT NULL, head TEXT NOT NULL, PRIMARY KEY (repository, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revision (
    repository INTEGER NOT NULL, id TEXT NOT NULL, parents TEXT NOT NULL, tree TEXT NOT NULL, message TEXT NOT NULL,
    metadata TEXT NOT NULL, committer TEXT NOT NULL, created INTEGER NOT NULL, generation INTEGER NOT NULL,
    PRIMARY KEY (repository, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS node (
    repository INTEGER NOT NULL, id TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (repository, id));
CREATE TABLE IF NOT EXISTS staged (
    branch INTEGER NOT NULL, path TEXT NOT NULL, entry TEXT, PRIMARY KEY (branch, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blob (sha TEXT NOT NULL UNIQUE, data BLOB NOT NULL);
"""


class Database:
    """One SQLite file in WAL mode: many readers, each with a snapshot, and one writer.

    Args:
        path: the database file; it and its tables are made where missing.

    Raises:
        RuntimeError: the file was written by another version of this server.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._writing = threading.Lock()
        self._open: list[sqlite3.Connection] = []
        self._writer = self._connect()
        self._writer.execute("PRAGMA journal_mode=WAL")
        version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, FORMAT):
            raise RuntimeError(f"{path} has format {version}, this server knows {FORMAT}: use the version that wrote it")
        self._writer.executescript(_TABLES)
        self._writer.execute(f"PRAGMA user_version={FORMAT}")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=256)
        connection.row_factory = sqlite3.Row
        for pragma in ("busy_timeout=10000", "cache_size=-32000", "wal_autocheckpoint=4000", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        self._open.append(connection)
        return connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's connection, all reads in one snapshot."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")

    @contextmanager
    def writing(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Give the writing connection in one transaction: kept at the end, undone when anything is raised.

        Args:
            durable: flush to disk before returning; otherwise only the death of this process is survived.
        """
        with self._writing:
            connection = self._writer
            try:
                connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
                    raise ApiError(507, "no space left where the data server keeps its data: free some and try again") from error
                raise

    def close(self) -> None:
        """Close every connection; the write-ahead log is folded into the database."""
        for connection in self._open:
            connection.close()
        self._open.clear()


class NodeCache:
    """The nodes used last, shared by all threads; nodes never change, so none is ever stale."""

    def __init__(self, size: int = CACHED_NODES) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[int, str], Node] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, str]) -> Node | None:
        """Return a node where it is kept."""
        with self._lock:
            node = self._kept.get(key)
            if node is not None:
                self._kept.move_to_end(key)
            return node

    def put(self, key: tuple[int, str], node: Node) -> None:
        """Keep a node and let the one go that was not used for longest."""
        with self._lock:
            self._kept[key] = node
            self._kept.move_to_end(key)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)


class StoredNodes:
    """The tree nodes of one repository, in the transaction of ``connection``.

    Nodes belong to their repository: nothing of one repository can be seen through another, and deleting one
    needs no search.
    """

    def __init__(self, connection: sqlite3.Connection, repository: int, cache: NodeCache) -> None:
        self._connection, self._repository, self._cache = connection, repository, cache

    def get(self, name: str) -> Node:
        """Return the node of that id.

        Raises:
            RuntimeError: it is missing, so the database was damaged from outside.
        """
        node = self._cache.get((self._repository, name))
        if node is None:
            row = self._connection.execute(
                "SELECT data FROM node WHERE repository=? AND id=?", (self._repository, name)
            ).fetchone()
            if row is None:
                raise RuntimeError(f"tree node {name} is missing: the data server's database is damaged, restore a backup")
            node = Node.from_bytes(row[0])
            self._cache.put((self._repository, name), node)
        return node

    def put(self, node: Node) -> str:
        """Keep a node and return its id."""
        name = node.name()
        self._connection.execute("INSERT OR IGNORE INTO node VALUES (?,?,?)", (self._repository, name, node.to_bytes()))
        self._cache.put((self._repository, name), node)
        return name
