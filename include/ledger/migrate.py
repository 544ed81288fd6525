"""Brings the ledger's tables up to date."""

from __future__ import annotations

import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path

from filelock import FileLock
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from include.ledger import engine
from include.ledger.errors import LedgerError

SCRIPTS = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 7_316_482_211  # any number that nothing else in the database uses


def migrate(url: str) -> str:
    """Run the migrations that are missing, one process at a time, and return the revision reached.

    Raises:
        LedgerError: the database cannot be reached, or is newer than this program.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    parsed = make_url(url)
    where = engine.shown(url)
    made = engine.engine(url)  # also makes the folder
    sqlite = parsed.get_backend_name() == "sqlite"
    try:
        with FileLock(f"{parsed.database}.migrate.lock", timeout=60) if sqlite else nullcontext():
            if sqlite:  # outside any transaction, so not through the engine
                with closing(sqlite3.connect(str(parsed.database), timeout=engine.BUSY_MS / 1000)) as plain:
                    plain.execute("PRAGMA journal_mode=WAL")
            with made.connect().execution_options(ledger_write=True) as connection, connection.begin():
                if not sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _ADVISORY_LOCK})
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                return MigrationContext.configure(connection).get_current_revision() or ""
    except CommandError as cause:
        raise LedgerError(f"the ledger {where} cannot be migrated: {cause}; is it newer than this program?") from cause
    except (SQLAlchemyError, sqlite3.Error) as cause:
        raise LedgerError(f"the ledger {where} cannot be migrated: {cause}") from cause
