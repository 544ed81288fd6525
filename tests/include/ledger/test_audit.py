"""The chain under honest writers, and under every way to falsify it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from include.ledger import Ledger, LedgerError, LedgerRefusal
from include.ledger.__main__ import main
from include.ledger.engine import engine


def falsify(ledger: Ledger, *statements: str) -> None:
    with sqlite3.connect(ledger.url.removeprefix("sqlite:///")) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.fixture
def chain(ledger: Ledger) -> Ledger:
    for i in range(1, 8):
        ledger.audit("김하나", "note", "x" if i % 2 else "y", {"i": i, "글": "값"})
    return ledger


def test_entries_are_chained_and_come_back_oldest_first(chain: Ledger) -> None:
    entries = chain.audit_entries()
    assert [e.seq for e in entries] == list(range(1, 8))
    assert all(b.previous == a.hash for a, b in pairwise(entries))
    assert [e.seq for e in chain.audit_entries("x", limit=2)] == [5, 7]
    check = chain.verify_audit()
    assert (check.ok, check.entries, check.first_bad_seq) == (True, 7, None)
    assert check.head == f"7:{entries[-1].hash}"


def test_nobody_is_the_platform(ledger: Ledger) -> None:
    assert ledger.audit(None, "a", "s", {}).actor == "devmlops"


@pytest.mark.parametrize(
    ("statements", "bad", "says"),
    [
        (["UPDATE audit SET details='{\"i\":99}' WHERE seq=4"], 4, "altered"),
        (["UPDATE audit SET actor='someone' WHERE seq=1"], 1, "altered"),
        (["UPDATE audit SET at='2020-01-01T00:00:00+00:00' WHERE seq=7"], 7, "altered"),
        (["DELETE FROM audit WHERE seq=3"], 3, "missing"),
        (["DELETE FROM audit WHERE seq=1"], 1, "missing"),
        (["DELETE FROM audit WHERE seq=7"], 7, "cut off"),
        (["DELETE FROM audit WHERE seq>4"], 5, "cut off"),
        (["DELETE FROM audit"], 1, "cut off"),
        (
            [f"UPDATE audit SET seq={new} WHERE seq={old}" for old, new in ((4, -4), (5, 4), (-4, 5))],
            4,
            "",
        ),
        (["DELETE FROM audit WHERE seq=3", "UPDATE audit SET seq=seq-1 WHERE seq>3"], 3, "follow"),
        (["INSERT INTO audit SELECT 8, at, actor, action, subject, details, hash, hash FROM audit WHERE seq=7"], 8, "altered"),
        (["INSERT INTO audit SELECT 0, at, actor, action, subject, details, hash, hash FROM audit WHERE seq=7"], 0, "missing"),
        (["UPDATE audit_head SET count=6, hash=(SELECT hash FROM audit WHERE seq=6)"], 7, "added"),
        (["UPDATE audit_head SET hash='00'"], 7, "added"),
        (["DELETE FROM audit_head"], 8, "head row"),
    ],
)
def test_names_the_first_falsified_entry(chain: Ledger, statements: list[str], bad: int, says: str) -> None:
    falsify(chain, *statements)
    check = chain.verify_audit()
    assert not check.ok
    assert check.first_bad_seq == bad, check.reason
    assert says in check.reason


def test_a_chain_cut_together_with_its_head_needs_an_anchor(chain: Ledger) -> None:
    anchor = chain.verify_audit().head
    falsify(
        chain,
        "DELETE FROM audit WHERE seq>5",
        "UPDATE audit_head SET count=5, hash=(SELECT hash FROM audit WHERE seq=5)",
    )
    assert chain.verify_audit().ok  # said in the module: this cannot be found from inside
    check = chain.verify_audit(anchor)
    assert (check.ok, check.first_bad_seq) == (False, 6)
    chain.audit(None, "a", "s", {})
    chain.audit(None, "a", "s", {})
    assert chain.verify_audit(anchor).first_bad_seq == 7
    with pytest.raises(LedgerError, match="count:hash"):
        chain.verify_audit("nonsense")


def test_what_is_no_json_is_refused_and_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(LedgerRefusal, match=r"\$\.details\.a: object is no JSON"):
        ledger.audit(None, "a", "s", {"a": object()})
    assert ledger.verify_audit().entries == 0


def write(url: str, name: str, count: int) -> None:
    ledger = Ledger(url)
    for i in range(count):
        ledger.audit(name, "note", name, {"i": i})


def test_writers_in_many_processes_leave_no_gap(ledger: Ledger) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(ledger.url, f"w{n}", 50)) for n in range(4)]
    for writer in writers:
        writer.start()
    write(ledger.url, "here", 50)
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert ledger.verify_audit().to_dict() | {"head": ""} == {
        "ok": True,
        "entries": 250,
        "first_bad_seq": None,
        "reason": "the chain is whole",
        "head": "",
    }
    for name in ("here", "w0", "w3"):  # nobody's entries were lost, and each writer's are in its order
        assert [e.details["i"] for e in ledger.audit_entries(name)] == list(range(50))


def test_a_forked_child_uses_a_connection_of_its_own(ledger: Ledger) -> None:
    ledger.audit("parent", "note", "s", {})
    parents = engine(ledger.url)

    def in_child() -> None:
        assert engine(ledger.url) is not parents is not None
        write(ledger.url, "child", 20)

    child = multiprocessing.get_context("fork").Process(target=in_child)
    child.start()
    write(ledger.url, "parent", 20)
    child.join(30)
    assert child.exitcode == 0
    assert (ledger.verify_audit().ok, ledger.verify_audit().entries) == (True, 41)


def test_a_killed_writer_leaves_a_whole_chain(ledger: Ledger) -> None:
    writer = multiprocessing.get_context("spawn").Process(target=write, args=(ledger.url, "w", 100_000))
    writer.start()
    end = time.monotonic() + 30
    while ledger.verify_audit().entries < 20 and time.monotonic() < end:
        time.sleep(0.02)
    assert writer.pid
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(10)
    check = ledger.verify_audit()
    assert check.ok and check.entries >= 20
    assert ledger.audit("me", "note", "s", {}).seq == check.entries + 1
    assert ledger.verify_audit().ok


# What the rows of approvals, releases and deployments say must be what the chain says.


@pytest.fixture
def deployed(ledger: Ledger) -> Ledger:
    for n in (1, 2):
        opened = ledger.open_release("digits", f"run {n}", ["developer"], {"version": str(n)})
        sealed = ledger.seal_release(opened.id, {"n": n})
        given = ledger.record_approval(sealed.id, sealed.digest or "", "model", "approved", "kim", "좋다", {"run": n}, 1)
        ledger.switch("digits", "production", sealed.id, "deploy", "dev", "go", [given.id])
    assert ledger.verify_audit().ok
    return ledger


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE approvals SET by='lee' WHERE id=1", "approval 1 differs from entry 3 in by"),
        (
            "UPDATE approvals SET expires_at='2099-01-01 00:00:00.000000' WHERE id=2",
            "entry 7 in expires_at",
        ),
        ("UPDATE approvals SET used_by=NULL WHERE id=2", "deployment 2 differs from entry 8 in approval_ids"),
        ("UPDATE releases SET digest='sha256:0' WHERE number=1", "digits-r0001 differs from entry 2 in digest"),
        ("UPDATE releases SET authors='[]' WHERE number=2", "digits-r0002 differs from entry 6 in authors"),
        ("UPDATE deployments SET previous=NULL WHERE id=2", "deployment 2 differs from entry 8 in previous"),
        ("UPDATE routes SET release_id='digits-r0001', deployment_id=1", "does not show its last deployment"),
        (
            "INSERT INTO approvals SELECT 9, release_id, digest, 'code', decision, by, reason, source, at, expires_at, NULL, 3"
            " FROM approvals WHERE id=1",
            "approval 9 differs from entry 3 in step",
        ),
    ],
)
def test_a_row_altered_behind_the_ledgers_back_is_found(deployed: Ledger, statement: str, says: str) -> None:
    falsify(deployed, statement)
    check = deployed.verify_audit()
    assert not check.ok
    assert says in check.reason


def test_the_command_says_what_it_found(
    chain: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    monkeypatch.setenv("DEVMLOPS_LEDGER_URL", chain.url)
    assert main(["migrate"]) == 0 and main(["verify"]) == 0
    head = capsys.readouterr().out.split("head ")[1].strip()
    assert main(["verify", "--anchor", head]) == 0
    falsify(chain, "UPDATE audit SET subject='z' WHERE seq=2")
    assert main(["verify"]) == 1
    assert "BROKEN at entry 2" in capsys.readouterr().err
    monkeypatch.setenv("DEVMLOPS_LEDGER_URL", f"sqlite:///{tmp_path}/new.db")
    assert main(["verify"]) == 2
    assert "python -m include.ledger migrate" in capsys.readouterr().err


def test_a_password_is_never_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    url = f"postgresql+psycopg2://me:s3cret@127.0.0.1:{free_port()}/ledger"
    assert "s3cret" not in repr(Ledger(url))
    monkeypatch.setenv("DEVMLOPS_LEDGER_URL", url)
    assert main(["verify"]) == 2 and main(["migrate"]) == 2
    assert "s3cret" not in capsys.readouterr().err
    with pytest.raises(LedgerError) as caught:
        Ledger("me:s3cret nonsense")
    assert "s3cret" not in str(caught.value)
