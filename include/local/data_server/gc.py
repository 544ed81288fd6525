"""Garbage collection: what no branch, tag or uncommitted change leads to is removed from a stopped server's folder."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

import orjson

from include.local.data_server.store import Session, Store, load_entry
from include.local.data_server.tree import Node


class Collected(NamedTuple):
    """How many of each were removed, and the bytes of the files."""

    commits: int
    nodes: int
    small_objects: int
    files: int
    file_bytes: int


def collect(root: Path) -> Collected:
    """Remove unreachable commits, tree nodes and contents.

    Contents go last and only after the metadata that could name them is durably gone, so a stop at any moment
    leaves nothing that refers to what is missing.

    Args:
        root: the data server's folder.

    Raises:
        InUseError: the server runs.
        FileNotFoundError: there is no data in that folder.
    """
    if not (root / "metadata.db").is_file():
        raise FileNotFoundError(f"no data server has kept data in {root}")
    store = Store(root)
    try:
        with store.database.writing(durable=True) as connection:
            used: set[str] = set()
            commits = nodes = 0
            for (name,) in connection.execute("SELECT id FROM repository").fetchall():
                session = store.session(connection, name, "gc")
                gone = _collect_repository(session, used)
                commits, nodes = commits + gone[0], nodes + gone[1]
            for (entry,) in connection.execute("SELECT entry FROM staged WHERE entry IS NOT NULL"):
                used.add(load_entry(entry).sha)
            small = _delete_others(connection, "blob", "sha", used, "1", ())
        files = size = 0
        for path in store.blobs.folder.glob("*/*/*"):
            if path.name not in used:
                files, size = files + 1, size + path.stat().st_size
                path.unlink()
        return Collected(commits, nodes, small, files, size)
    finally:
        store.close()


def _collect_repository(session: Session, used: set[str]) -> tuple[int, int]:
    connection, pk = session.connection, session.pk
    heads = connection.execute(
        "SELECT head FROM branch WHERE repository=? UNION SELECT head FROM tag WHERE repository=?", (pk, pk)
    )
    waiting = [row[0] for row in heads]
    kept: set[str] = set()
    trees: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept.add(name)
            row = connection.execute("SELECT parents, tree FROM revision WHERE repository=? AND id=?", (pk, name)).fetchone()
            waiting.extend(orjson.loads(row[0]))
            trees.add(row[1])
    nodes: set[str] = set()
    names = [name for name in trees if name]
    while names:
        name = names.pop()
        if name not in nodes:
            nodes.add(name)
            node: Node = session.nodes.get(name)
            if node.level:
                names.extend(node.values)
            else:
                used.update(entry.sha for entry in node.values)
    return (
        _delete_others(connection, "revision", "id", kept, "repository=?", (pk,)),
        _delete_others(connection, "node", "id", nodes, "repository=?", (pk,)),
    )


def _delete_others(
    connection: sqlite3.Connection, table: str, column: str, kept: set[str], where: str, values: tuple[int, ...]
) -> int:
    found = [row[0] for row in connection.execute(f"SELECT {column} FROM {table} WHERE {where}", values) if row[0] not in kept]
    connection.executemany(f"DELETE FROM {table} WHERE {where} AND {column}=?", [(*values, name) for name in found])
    return len(found)
