"""The same ledger on PostgreSQL."""

from __future__ import annotations

import multiprocessing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from include.ledger import Ledger, LedgerRefusal
from include.ledger.migrate import SCRIPTS
from include.ledger.models import Base

pytestmark = pytest.mark.integration


@pytest.fixture
def on_postgres(postgres_url: str) -> Ledger:
    made = create_engine(postgres_url)
    with made.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    made.dispose()
    ledger = Ledger(postgres_url)
    ledger.migrate()
    return ledger


def test_migrations_make_exactly_the_models(on_postgres: Ledger) -> None:
    with create_engine(on_postgres.url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    assert on_postgres.migrate() == max(path.name[:4] for path in (SCRIPTS / "versions").glob("0*.py"))


def write(url: str, name: str) -> None:
    ledger = Ledger(url)
    ledger.migrate()
    for i in range(30):
        ledger.audit(name, "note", "글", {"i": i, "x": 0.1 + i, "zero": "\u0001"})
        ledger.open_release("digits", f"run {i}", ["dev"], {"version": str(i)})


def test_writers_in_many_processes_leave_no_gap(on_postgres: Ledger) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(on_postgres.url, f"w{n}")) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    check = on_postgres.verify_audit()
    assert (check.ok, check.entries, check.reason) == (True, 3 * 30 + 30, "the chain is whole")
    assert [r.number for r in on_postgres.releases("digits")] == list(range(1, 31))


def test_the_way_of_a_release(on_postgres: Ledger) -> None:
    ids = []
    for n in (1, 2):
        sealed = on_postgres.seal_release(on_postgres.open_release("digits", f"r{n}", ["dev"], {"v": n}).id, {"n": n, "x": 1e-9})
        given = on_postgres.record_approval(sealed.id, sealed.digest or "", "m", "approved", "김", "ok", {"n": n}, 1)
        on_postgres.switch("digits", "production", sealed.id, "deploy", "dev", "go", [given.id])
        ids.append(sealed.id)
    route = on_postgres.route("digits", "production")
    assert route is not None and route.release_id == ids[1] and on_postgres.previous_release("digits") == ids[0]
    with pytest.raises(LedgerRefusal, match="was used by deployment 1"):
        on_postgres.switch("digits", "production", ids[0], "deploy", "dev", "again", [1])
    assert on_postgres.raise_alert("digits", "drift", "k", "warning", "m", {}).new
    assert not on_postgres.raise_alert("digits", "drift", "k", "warning", "m", {}).new
    on_postgres.add_window("digits", ids[1], 1, "0:0", "0:1", 1, 0.25, {}, {})
    found = on_postgres.last_window("digits", ids[1])
    assert found is not None and found.score == 0.25
    assert on_postgres.verify_audit().ok
    with create_engine(on_postgres.url).begin() as connection:
        connection.execute(text("UPDATE audit SET actor='x' WHERE seq=4"))
    assert on_postgres.verify_audit().first_bad_seq == 4
