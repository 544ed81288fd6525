"""Alerts are raised once and closed by the retraining that answered them."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.ledger import Ledger
from operators.monitoring import CloseAlertOperator, RaiseAlertOperator
from operators.monitoring.jobs import FourWayOperator

DRIFT = {
    "project": "digits",
    "release_id": "digits-r0001",
    "windows": [3, 4],
    "scores": [3.1, 3.2],
    "score": 3.2,
    "threshold": 0.2,
    "top_features": [{"name": "mean", "psi": 4.0}],
    "labels": {},
    "confidence": {},
    "rows": 400,
    "start_cursor": "1:0",
    "end_cursor": "1:900",
    "at": "2026-01-01T00:00:00+00:00",
}


@pytest.fixture
def ledger(no_connections):
    found = Ledger(no_connections.ledger())
    found.migrate()
    return found


def test_one_alert_however_often(ledger, context):
    task = RaiseAlertOperator(task_id="t", project="digits", drift=DRIFT)
    first, second = task.execute(context), task.execute(context)
    assert (first["new"], second["new"]) == (True, False)
    assert first["alert_id"] == second["alert_id"]
    assert len(ledger.alerts("digits")) == 1


def test_the_answered_alert_is_closed(ledger, context):
    raised = RaiseAlertOperator(task_id="t", project="digits", drift=DRIFT).execute(context)
    close = CloseAlertOperator(task_id="c", project="digits", alert_id=str(raised["alert_id"]), release_run_id="alert-1-1")
    assert close.execute(context) == close.execute(context) == raised["alert_id"]
    assert ledger.alert(raised["alert_id"]).state == "closed"


@pytest.mark.parametrize("empty", ["", None])
def test_without_an_alert_nothing_is_closed(ledger, context, empty):
    assert CloseAlertOperator(task_id="c", project="digits", alert_id=empty, release_run_id="r").execute(context) is None


def test_a_rejected_model_fails_the_task(no_connections, context, monkeypatch):
    monkeypatch.setattr(
        "include.jobs.local.LocalJob.run", lambda self, on_line: {"decision": "reject", "reasons": ["loses 0.05 on old data"]}
    )
    with pytest.raises(AirflowFailException, match=r"version 2 is rejected: loses 0\.05 on old data"):
        FourWayOperator(task_id="f", project="digits", split={}, model={"version": "2"}).execute(context)
