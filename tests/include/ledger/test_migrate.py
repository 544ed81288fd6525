from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from include.ledger import Ledger, LedgerError
from include.ledger.engine import engine
from include.ledger.migrate import SCRIPTS
from include.ledger.models import Base


def test_migrations_make_exactly_the_models(ledger: Ledger) -> None:
    with engine(ledger.url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(ledger: Ledger) -> None:
    ledger.audit("me", "note", "s", {})
    assert ledger.migrate() == ledger.migrate() == max(path.name[:4] for path in (SCRIPTS / "versions").glob("0*.py"))
    assert ledger.verify_audit().entries == 1


def migrate(url: str) -> None:
    Ledger(url).migrate()
    Ledger(url).audit("me", "note", "s", {})


def test_many_processes_may_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/한글 폴더/ledger.db"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=migrate, args=(url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert Ledger(url).verify_audit().entries == 3


def test_the_file_is_in_wal_mode(ledger: Ledger) -> None:
    connection = sqlite3.connect(ledger.url.removeprefix("sqlite:///"))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_ledger_that_was_never_migrated_says_so(tmp_path: Path) -> None:
    fresh = Ledger(f"sqlite:///{tmp_path}/장부.db")
    with pytest.raises(LedgerError, match=r"the ledger /.*/장부\.db is not up to date .* `python -m include\.ledger migrate`"):
        fresh.routes()
    with pytest.raises(LedgerError, match=r"python -m include\.ledger migrate"):
        fresh.audit(None, "a", "s", {})


def test_a_newer_ledger_is_left_alone(ledger: Ledger) -> None:
    connection = sqlite3.connect(ledger.url.removeprefix("sqlite:///"))
    connection.execute("UPDATE alembic_version SET version_num='9999'")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match="newer"):
        ledger.migrate()


def test_memory_is_refused() -> None:
    with pytest.raises(LedgerError, match="one process alone"):
        Ledger("sqlite://").migrate()
