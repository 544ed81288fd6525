"""Connections to the ledger's database, and its two kinds of transaction."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.orm import Session

from include.ledger.canonical import canonical_json
from include.ledger.errors import LedgerError, LedgerRefusal
from include.ledger.models import AuditHead

BUSY_MS = 10_000  # how long a SQLite writer waits for the writer before it
_WRITE = "ledger_write"

_engines: dict[tuple[str, int], Engine] = {}
_lock = threading.Lock()


def engine(url: str) -> Engine:
    """Return this process's engine for ``url``; a forked child gets one of its own."""
    key = (url, os.getpid())
    with _lock:
        if key not in _engines:
            _engines[key] = _create(url)
        return _engines[key]


def shown(url: str) -> str:
    """Return what people may see of ``url``: no password, and a SQLite file as its path."""
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    return f"{parsed.database}" if sqlite else parsed.render_as_string(hide_password=True)


@contextmanager
def reading(url: str) -> Iterator[Session]:
    """Open a session that sees one unchanging state of the ledger."""
    with _explained(url), engine(url).connect() as connection, Session(connection) as session:
        yield session


@contextmanager
def writing(url: str) -> Iterator[Session]:
    """Open a session that is the ledger's only writer until it commits; an exception undoes everything."""
    with _explained(url), engine(url).connect() as connection:
        if connection.dialect.name != "sqlite":
            # What this transaction reads must be what the writer before it committed.
            connection = connection.execution_options(isolation_level="READ COMMITTED")
        connection = connection.execution_options(**{_WRITE: True})
        with Session(connection, expire_on_commit=False) as session, session.begin():
            if connection.dialect.name != "sqlite":
                session.execute(select(AuditHead.id).with_for_update())
            yield session


def _create(url: str) -> Engine:
    parsed = make_url(url)
    options: dict[str, Any] = {"json_serializer": _to_json, "json_deserializer": json.loads}
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, isolation_level="REPEATABLE READ", **options)
    if not parsed.database or parsed.database == ":memory:":
        raise LedgerError("a ledger in memory is seen by one process alone: give a file, sqlite:////folder/ledger.db")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(parsed, connect_args={"timeout": BUSY_MS / 1000}, **options)
    event.listen(made, "connect", _on_sqlite_connect)
    event.listen(made, "begin", _on_sqlite_begin)
    return made


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 would begin by itself, and too late
    for pragma in (f"busy_timeout={BUSY_MS}", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    # A plain BEGIN takes the write lock at the first write, when what was read may be old already.
    write = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _to_json(value: Any) -> str:
    return canonical_json(value).decode()


@contextmanager
def _explained(url: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as cause:
        where = shown(url)
        said = str(cause.orig) if isinstance(cause, StatementError) else str(cause)
        if isinstance(cause, StatementError) and isinstance(cause.orig, ValueError):
            raise LedgerRefusal(f"the ledger cannot keep this: {said}") from cause
        if "no such table" in said or "does not exist" in said:
            raise LedgerError(f"the ledger {where} is not up to date ({said}): run `python -m include.ledger migrate`") from cause
        if "locked" in said:
            raise LedgerError(f"the ledger {where} was busy for {BUSY_MS // 1000} s: another process holds it") from cause
        raise LedgerError(f"the ledger {where} failed: {said}") from cause
