from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from include.ledger import Ledger, LedgerError, LedgerRefusal

MODEL = {"name": "digits", "version": "3", "run_id": "r"}


def test_numbers_count_up_within_a_project(ledger: Ledger) -> None:
    ids = [ledger.open_release(p, k, ["dev"], MODEL).id for p, k in [("digits", "a"), ("digits", "b"), ("other", "a")]]
    assert ids == ["digits-r0001", "digits-r0002", "other-r0001"]
    assert [r.id for r in ledger.releases("digits")] == ids[:2]


def test_the_same_key_is_the_same_release(ledger: Ledger) -> None:
    first = ledger.open_release("digits", "run", ["b", "a", "a"], MODEL)
    assert first.authors == ["a", "b"]
    assert ledger.open_release("digits", "run", ["a", "b"], MODEL) == first
    with pytest.raises(LedgerRefusal, match="another version"):
        ledger.open_release("digits", "run", ["a"], MODEL | {"version": "4"})


def test_many_at_once_get_numbers_without_gap(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda n: ledger.open_release("digits", f"run {n // 2}", ["dev"], MODEL), range(24)))
    assert sorted({r.number for r in opened}) == list(range(1, 13))
    assert ledger.verify_audit().entries == 12


def test_a_draft_learns_where_its_pieces_are_and_a_sealed_one_does_not(ledger: Ledger) -> None:
    release = ledger.open_release("digits", "run", ["dev"], MODEL)
    assert ledger.update_release_model(release.id, release_run_id="x").model == MODEL | {"release_run_id": "x"}
    assert ledger.open_release("digits", "run", ["dev"], MODEL).model["release_run_id"] == "x"
    ledger.seal_release(release.id, {"a": 1})
    ledger.update_release_model(release.id, release_run_id="x")
    with pytest.raises(LedgerRefusal, match="is sealed"):
        ledger.update_release_model(release.id, release_run_id="y")


def test_a_seal_is_for_ever(ledger: Ledger) -> None:
    release = ledger.open_release("digits", "run", ["dev"], MODEL)
    sealed = ledger.seal_release(release.id, {"b": [1, 2.5], "a": "한"})
    assert sealed.state == "sealed" and sealed.digest and sealed.digest.startswith("sha256:")
    assert ledger.seal_release(release.id, {"a": "한", "b": [1, 2.5]}) == sealed == ledger.release(release.id)
    entries = ledger.verify_audit().entries
    with pytest.raises(LedgerRefusal, match="is sealed as sha256"):
        ledger.seal_release(release.id, {"a": "한", "b": [1, 2.6]})
    assert ledger.release(release.id) == sealed and ledger.verify_audit().entries == entries
    json.dumps(sealed.to_dict())


def test_a_refused_release_stays_refused(ledger: Ledger) -> None:
    release = ledger.open_release("digits", "run", ["dev"], MODEL)
    assert ledger.refuse_release(release.id, "kim", "아니오").state == "refused"
    assert ledger.refuse_release(release.id, "kim", "again").state == "refused"
    with pytest.raises(LedgerRefusal, match="refused"):
        ledger.seal_release(release.id, {})
    assert [e.action for e in ledger.audit_entries(release.id)] == ["release.open", "release.refuse"]


def test_what_was_on_production_cannot_be_refused(ledger: Ledger) -> None:
    release = ledger.seal_release(ledger.open_release("digits", "run", ["dev"], MODEL).id, {})
    ledger.switch("digits", "production", release.id, "deploy", "dev", "go")
    with pytest.raises(LedgerRefusal, match="roll back"):
        ledger.refuse_release(release.id, "kim", "no")


def test_an_unknown_release_and_a_manifest_that_is_no_json(ledger: Ledger) -> None:
    with pytest.raises(LedgerRefusal, match="digits-r0009") as caught:
        ledger.release("digits-r0009")
    assert caught.value.data == {"release_id": "digits-r0009"}
    release = ledger.open_release("digits", "run", ["dev"], MODEL)
    with pytest.raises(LedgerRefusal, match=r"\$\.x: bytes"):
        ledger.seal_release(release.id, {"x": b""})


def test_a_busy_ledger_is_an_error_that_may_pass(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.ledger.engine.BUSY_MS", 200)
    slow = Ledger(ledger.url + "?timeout=1")  # an engine of its own, made with the short limit
    holder = sqlite3.connect(ledger.url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="busy") as caught:
        slow.open_release("digits", "run", ["dev"], MODEL)
    assert not isinstance(caught.value, LedgerRefusal)
    assert slow.releases("digits") == []  # reading goes on
    holder.execute("ROLLBACK")
    holder.close()
    assert slow.open_release("digits", "run", ["dev"], MODEL).number == 1
