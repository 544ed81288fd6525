"""Transactions of the metadata database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from include.local.data_server.database import Database
from include.local.data_server.errors import ApiError


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "metadata.db")


def tags(database: Database) -> list[str]:
    with database.reading() as connection:
        return [row["id"] for row in connection.execute("SELECT id FROM tag ORDER BY id")]


@pytest.mark.parametrize("durable", [True, False])
def test_a_transaction_is_kept_whole_or_not_at_all(database: Database, durable: bool) -> None:
    with database.writing(durable=durable) as connection:
        connection.execute("INSERT INTO tag VALUES (1, 'a', 'x')")
        assert tags(database) == []
    assert tags(database) == ["a"]
    with pytest.raises(ZeroDivisionError), database.writing(durable=durable) as connection:
        connection.execute("INSERT INTO tag VALUES (1, 'b', 'x')")
        raise ZeroDivisionError
    assert tags(database) == ["a"]


def test_reads_are_one_snapshot(database: Database) -> None:
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM tag").fetchone()[0] == 0
        with database.writing(durable=False) as writer:
            writer.execute("INSERT INTO tag VALUES (1, 'a', 'x')")
        assert connection.execute("SELECT count(*) FROM tag").fetchone()[0] == 0
    assert tags(database) == ["a"]


def test_durable_writes_are_flushed(database: Database) -> None:
    with database.writing(durable=True) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    with database.writing(durable=False) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 1


def test_a_full_database_says_so_and_goes_on(database: Database) -> None:
    with database.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    database._writer.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(ApiError) as caught, database.writing(durable=True) as connection:
        connection.execute("INSERT INTO blob VALUES ('a', zeroblob(1000000))")
    assert caught.value.status == 507
    database._writer.execute("PRAGMA max_page_count=1000000")
    with database.writing(durable=True) as connection:
        connection.execute("INSERT INTO blob VALUES ('a', zeroblob(1000000))")


def test_a_database_of_another_format_is_refused(database: Database) -> None:
    database.close()
    with sqlite3.connect(database.path) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(RuntimeError, match="format 99"):
        Database(database.path)
