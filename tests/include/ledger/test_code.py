from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from include.ledger import Ledger, LedgerError, LedgerRefusal
from include.ledger.vouching import files_digest

FILES = {"model.py": {"kind": "model", "sha256": "a" * 64}, "전처리.py": {"kind": "code", "sha256": "b" * 64}}
OTHER = {**FILES, "model.py": {"kind": "model", "sha256": "c" * 64}}


def confirmed(ledger: Ledger, files: dict, version: str = "1") -> str:
    found = ledger.enter_code("digits", files, "minji", "training r1", "c0ffee", True)
    ledger.confirm_model("digits", "jieun", {"version": version, "why": "통과"}, found.digest)
    return found.digest


def deploy(ledger: Ledger, key: str, code: str | None, kind: str = "deploy", release: str = "") -> str:
    if not release:
        model = {"name": "digits", "version": "1", "run_id": "r", "data": {}, **({"code": code} if code else {})}
        release = ledger.open_release("digits", key, ["minji"], model).id
        ledger.seal_release(release, {"key": key})
    ledger.switch("digits", "production", release, kind, "operator", "go")  # type: ignore[arg-type]
    return release


def test_code_goes_from_development_over_confirmed_to_applied_and_back(ledger: Ledger) -> None:
    first, second = confirmed(ledger, FILES), confirmed(ledger, OTHER, "2")
    states = lambda: [(one.number, one.state) for one in ledger.codes("digits")]  # noqa: E731
    assert states() == [(1, "confirmed"), (2, "confirmed")]
    one = deploy(ledger, "one", first)
    assert states() == [(1, "applied"), (2, "confirmed")]
    deploy(ledger, "two", second)
    assert states() == [(1, "confirmed"), (2, "applied")]
    deploy(ledger, "", None, "rollback", one)
    assert states() == [(1, "applied"), (2, "confirmed")]
    history = ledger.code_history("digits", first)
    assert [(e.actor, e.details["was"], e.details["state"]) for e in history] == [
        ("minji", None, "development"),
        ("jieun", "development", "confirmed"),
        ("operator", "confirmed", "applied"),
        ("operator", "applied", "confirmed"),
        ("operator", "confirmed", "applied"),
    ]
    assert history[1].details["why"] == "model version 1 is confirmed: 통과"
    found = ledger.code("digits", first)
    assert found and found.files == FILES and found.dirty and found.git_commit == "c0ffee" and found.confirmed_at
    assert ledger.verify_audit().ok


def test_the_same_code_again_changes_nothing(ledger: Ledger) -> None:
    digest = confirmed(ledger, FILES)
    before = ledger.verify_audit().entries
    again = ledger.enter_code("digits", dict(reversed(FILES.items())), "other", "again")
    assert (again.digest, again.state, again.number) == (digest, "confirmed", 1)
    assert ledger.verify_audit().entries == before


def test_code_that_nobody_confirmed_cannot_be_applied(ledger: Ledger) -> None:
    raw = ledger.enter_code("digits", FILES, "minji", "training").digest
    for code, says in ((raw, "is in development: confirm a model"), ("sha256:0", "knows no code sha256:0")):
        with pytest.raises(LedgerRefusal, match=says):
            deploy(ledger, code, code)
    assert ledger.route("digits", "production") is None and ledger.deployments("digits") == []
    with pytest.raises(LedgerRefusal, match="knows no code"):
        ledger.confirm_model("digits", "jieun", {"version": "1", "why": "x"}, "sha256:none")
    assert [e.action for e in ledger.audit_entries("model digits")] == []  # both or none


def test_a_release_without_code_takes_the_applied_one_out(ledger: Ledger) -> None:
    digest = confirmed(ledger, FILES)
    deploy(ledger, "one", digest)
    deploy(ledger, "two", None)
    found = ledger.code("digits", digest)
    assert found and found.state == "confirmed"


@pytest.mark.parametrize(("column", "value"), [("state", "'confirmed'"), ("files", '\'{"a": {"kind": "x", "sha256": "y"}}\'')])
def test_an_altered_row_is_found(ledger: Ledger, column: str, value: str) -> None:
    entered = ledger.enter_code("digits", FILES, "minji", "training")
    assert entered.digest == files_digest(FILES) and ledger.verify_audit().ok
    with sqlite3.connect(ledger.url.removeprefix("sqlite:///")) as connection:
        connection.execute(f"UPDATE code SET {column} = {value}")
    check = ledger.verify_audit()
    assert not check.ok and check.first_bad_seq == 1 and "code sha256:" in check.reason


def test_a_lease_is_held_by_one_at_a_time(ledger: Ledger) -> None:
    inside, most, done = 0, 0, 0

    def work() -> None:
        nonlocal inside, most, done
        with ledger.lease("model digits"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.05)
            inside -= 1
            done += 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (1, 5)


def test_a_lease_of_a_dead_process_runs_out_and_its_holder_notices(tmp_path: Path, ledger: Ledger) -> None:
    with ledger.lease("model digits", seconds=0.2) as hold:
        hold()
        with pytest.raises(LedgerError, match="is being changed by another process"), ledger.lease("model digits", wait_s=0):
            raise AssertionError("two hold it")
        time.sleep(0.25)
        with ledger.lease("model digits", wait_s=1):
            with pytest.raises(LedgerError, match="another process changes it now"):
                hold()
        with pytest.raises(LedgerError):
            hold()
    with ledger.lease("model digits", wait_s=0):
        pass


def test_who_was_too_slow_does_not_give_back_what_another_holds(ledger: Ledger) -> None:
    slow, other = ledger.lease("model digits", seconds=0.01), ledger.lease("model digits", wait_s=5)
    slow.__enter__()
    time.sleep(0.05)
    with other:
        slow.__exit__(None, None, None)
        with pytest.raises(LedgerError, match="is being changed by another process"), ledger.lease("model digits", wait_s=0):
            raise AssertionError("two hold it")
