from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from include.ledger import Alert, Ledger, LedgerRefusal


def drift(ledger: Ledger, key: str = "drift:digits-r0001") -> Alert:
    return ledger.raise_alert("digits", "drift", key, "warning", "점수 0.4", {"score": 0.4})


def test_an_open_alert_is_counted_not_repeated(ledger: Ledger) -> None:
    first, again = drift(ledger), drift(ledger)
    assert (first.new, again.new) == (True, False)
    assert (again.id, again.count, again.first_seen) == (first.id, 2, first.first_seen)
    assert again.last_seen > first.last_seen
    assert drift(ledger, "other").id != first.id
    assert ledger.verify_audit().entries == 2  # a repetition is no entry


def test_after_closing_the_same_cause_is_new(ledger: Ledger) -> None:
    first = drift(ledger)
    closed = ledger.close_alert(first.id, "kim", "retrained")
    assert (closed.state, closed.closed_by, closed.closed_reason) == ("closed", "kim", "retrained")
    assert ledger.close_alert(first.id, "lee", "again") == closed
    assert drift(ledger).new
    assert [a.state for a in ledger.alerts("digits")] == ["closed", "open"]
    assert [a.id for a in ledger.alerts("digits", "open")] == [2]
    assert ledger.alerts("other") == []


def test_details_are_merged(ledger: Ledger) -> None:
    alert = drift(ledger)
    assert ledger.update_alert(alert.id, report="http://x").details == {"score": 0.4, "report": "http://x"}
    entries = ledger.verify_audit().entries
    ledger.update_alert(alert.id, report="http://x")
    assert ledger.verify_audit().entries == entries
    assert ledger.alert(alert.id).to_dict()["details"]["report"] == "http://x"


def test_many_that_see_the_same_open_one(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: drift(ledger), range(24)))
    assert sum(a.new for a in seen) == 1 and ledger.alert(1).count == 24


def test_unknown_alerts_and_details_that_are_no_json(ledger: Ledger) -> None:
    with pytest.raises(LedgerRefusal, match="no alert 7"):
        ledger.alert(7)
    with pytest.raises(LedgerRefusal, match=r"\$\.x: object is no JSON"):
        ledger.raise_alert("digits", "drift", "k", "warning", "m", {"x": object()})
    assert ledger.alerts("digits") == []


def test_a_person_sees_and_closes_alerts(ledger: Ledger, monkeypatch, capsys) -> None:
    from include.ledger.__main__ import main

    monkeypatch.setenv("DEVMLOPS_LEDGER_URL", ledger.url)
    alert = drift(ledger)
    assert main(["alerts", "digits"]) == 0
    assert f"{alert.id}  open  warning" in capsys.readouterr().out
    assert main(["close-alert", str(alert.id), "--by", "kim", "--reason", "카메라를 바꿨다"]) == 0
    assert ledger.alert(alert.id).closed_reason == "카메라를 바꿨다"
    assert main(["close-alert", "99", "--by", "kim", "--reason", "x"]) == 2
    assert "no alert 99" in capsys.readouterr().err
