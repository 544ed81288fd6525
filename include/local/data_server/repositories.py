"""Repositories, branches and tags: making, listing and deleting them, their metadata and protection."""

from __future__ import annotations

import sqlite3
from hashlib import sha256

import orjson

from include.local.data_server import commits, refs
from include.local.data_server.errors import BadRequest, Conflict, NotFound, PreconditionFailed
from include.local.data_server.names import check_branch, check_namespace, check_repository, check_tag
from include.local.data_server.paging import Page
from include.local.data_server.store import Session, Store, now
from include.local.data_server.tree import EMPTY


def to_json(row: sqlite3.Row) -> dict[str, object]:
    """Return a repository as the API shows it."""
    return {
        "id": row["id"],
        "creation_date": row["created"],
        "default_branch": row["default_branch"],
        "storage_namespace": row["namespace"],
        "storage_id": "",
        "read_only": bool(row["read_only"]),
    }


def create(
    store: Store, user: str, name: str, namespace: str, default_branch: str, *, read_only: bool = False
) -> dict[str, object]:
    """Make a repository with its first, empty commit.

    Raises:
        BadRequest: a name or the namespace is not taken.
        Conflict: there is one of that name.
    """
    check_repository(name)
    check_namespace(namespace)
    check_branch(default_branch)
    with store.database.writing(durable=True) as connection:
        if connection.execute("SELECT 1 FROM repository WHERE id=?", (name,)).fetchone():
            raise Conflict(f"repository {name!r} already exists")
        if connection.execute("SELECT 1 FROM repository WHERE rtrim(namespace,'/')=?", (namespace.rstrip("/"),)).fetchone():
            raise BadRequest(f"storage namespace {namespace!r} is already in use: give each repository its own")
        connection.execute(
            "INSERT INTO repository (id, namespace, default_branch, created, read_only) VALUES (?,?,?,?,?)",
            (name, namespace, default_branch, now(), read_only),
        )
        session = store.session(connection, name, user)
        first = refs.add(session, [], EMPTY, "Repository created", {}, now())
        connection.execute("INSERT INTO branch (repository, id, head) VALUES (?,?,?)", (session.pk, default_branch, first.id))
        return to_json(session.repository)


def delete(session: Session, *, force: bool = False) -> None:
    """Remove a repository and everything that belongs to it; its bytes go with the next ``gc``."""
    session.refuse_read_only(force=force)
    execute, pk = session.connection.execute, session.pk
    execute("DELETE FROM staged WHERE branch IN (SELECT pk FROM branch WHERE repository=?)", (pk,))
    for table in ("branch", "tag", "revision", "node"):
        execute(f"DELETE FROM {table} WHERE repository=?", (pk,))
    execute("DELETE FROM repository WHERE pk=?", (pk,))


def protection(session: Session) -> tuple[list[str], str]:
    """Return the patterns of protected branches and the ETag of that list."""
    text = session.repository["protection"]
    return orjson.loads(text), sha256(text.encode()).hexdigest()[:32]


def protect(session: Session, patterns: list[str], if_match: str | None) -> None:
    """Set the patterns of protected branches.

    Raises:
        PreconditionFailed: the list is not the one that ``if_match`` names.
    """
    if if_match is not None and if_match.strip('"') != protection(session)[1]:
        raise PreconditionFailed("branch protection rules have changed: read them again")
    text = orjson.dumps(sorted(set(patterns))).decode()
    session.connection.execute("UPDATE repository SET protection=? WHERE pk=?", (text, session.pk))


def update_metadata(session: Session, changes: dict[str, str | None]) -> None:
    """Set keys of the repository's metadata, and remove those that are None."""
    metadata = orjson.loads(session.repository["metadata"]) | changes
    text = orjson.dumps({k: v for k, v in metadata.items() if v is not None}).decode()
    session.connection.execute("UPDATE repository SET metadata=? WHERE pk=?", (text, session.pk))


def create_branch(session: Session, name: str, source: str, *, hidden: bool = False, force: bool = False) -> str:
    """Let a new branch start at a reference's commit, and return that commit's id.

    Raises:
        BadRequest: the name is not taken.
        Conflict: there is a branch or tag of that name.
        NotFound: there is no such reference.
    """
    check_branch(name)
    session.refuse_read_only(force=force)
    execute = session.connection.execute
    if execute("SELECT 1 FROM branch WHERE repository=? AND id=?", (session.pk, name)).fetchone():
        raise Conflict(f"branch {name!r} already exists")
    head = refs.resolve(session, source).commit
    _refuse_shadowing(session, name, "tag")
    execute("INSERT INTO branch (repository, id, head, hidden) VALUES (?,?,?,?)", (session.pk, name, head, hidden))
    return head


def delete_branch(session: Session, name: str, *, force: bool = False) -> None:
    """Remove a branch and its uncommitted changes.

    Raises:
        NotFound: there is no such branch.
        Forbidden: it is the default branch or protected.
    """
    row = commits.check_deletable(session, name, force=force)
    session.connection.execute("DELETE FROM staged WHERE branch=?", (row["pk"],))
    session.connection.execute("DELETE FROM branch WHERE pk=?", (row["pk"],))


def create_tag(session: Session, name: str, ref: str, *, force: bool = False) -> dict[str, str]:
    """Let a new tag stand for a reference's commit.

    Raises:
        BadRequest: the name is not taken.
        Conflict: there is a tag or branch of that name.
        NotFound: there is no such reference.
    """
    check_tag(name)
    session.refuse_read_only(force=force)
    if session.connection.execute("SELECT 1 FROM tag WHERE repository=? AND id=?", (session.pk, name)).fetchone():
        raise Conflict(f"tag {name!r} already exists")
    head = refs.resolve(session, ref).commit
    _refuse_shadowing(session, name, "branch")
    session.connection.execute("INSERT INTO tag VALUES (?,?,?)", (session.pk, name, head))
    return {"id": name, "commit_id": head}


def tag(session: Session, name: str) -> dict[str, str]:
    """Return a tag.

    Raises:
        NotFound: there is no such tag.
    """
    row = session.connection.execute("SELECT head FROM tag WHERE repository=? AND id=?", (session.pk, name)).fetchone()
    if row is None:
        raise NotFound(f"tag {name!r} not found in repository {session.repository['id']!r}")
    return {"id": name, "commit_id": row[0]}


def delete_tag(session: Session, name: str, *, force: bool = False) -> None:
    """Remove a tag.

    Raises:
        NotFound: there is no such tag.
    """
    session.refuse_read_only(force=force)
    tag(session, name)
    session.connection.execute("DELETE FROM tag WHERE repository=? AND id=?", (session.pk, name))


def list_refs(session: Session, table: str, page: Page, *, hidden: bool = True) -> tuple[list[dict[str, str]], bool]:
    """Return one page of ``branch`` or ``tag``, and whether more follow."""
    assert table in ("branch", "tag")
    rows = session.connection.execute(
        f"SELECT id, head FROM {table} WHERE repository=? AND id>? AND id>=? AND substr(id,1,?)=? "
        f"{'' if hidden else 'AND NOT hidden '}ORDER BY id LIMIT ?",
        (session.pk, page.after, page.prefix, len(page.prefix), page.prefix, page.amount + 1),
    ).fetchall()
    return [{"id": r[0], "commit_id": r[1]} for r in rows[: page.amount]], len(rows) > page.amount


def _refuse_shadowing(session: Session, name: str, other: str) -> None:
    if session.connection.execute(f"SELECT 1 FROM {other} WHERE repository=? AND id=?", (session.pk, name)).fetchone():
        raise Conflict(f"{other} {name!r} already exists: a reference must stand for one thing")
