"""Triggers survive a round trip through serialize, and sensors understand their events."""

from __future__ import annotations

import asyncio
from importlib import import_module

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from include import monitoring
from include.ledger import LedgerError
from include.management import NotReleased
from operators.data import TruthsSensor
from operators.data.truths import TruthsTrigger
from operators.monitoring import DriftSensor, DriftTrigger

TRIGGERS = [TruthsTrigger("digits", 3, 60.0, 1.0), TruthsTrigger("digits", None, 0.5, 0.1), DriftTrigger("digits", 1.0, 3600.0)]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=repr)
def test_round_trip(trigger):
    path, kwargs = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**kwargs)
    assert again.serialize() == (path, kwargs)


def first_event(trigger):
    async def one():
        async for event in trigger.run():
            return event.payload

    return asyncio.run(asyncio.wait_for(one(), 20))


def test_sensors_hold_no_worker(no_connections, context):
    with pytest.raises(TaskDeferred) as deferred:
        DriftSensor(task_id="t", project="digits").execute(context)
    assert isinstance(deferred.value.trigger, DriftTrigger)
    with pytest.raises(TaskDeferred) as deferred:
        TruthsSensor(task_id="t", project="digits", alert_id="7").execute(context)
    assert deferred.value.trigger.serialize()[1]["alert_id"] == 7


@pytest.mark.parametrize("empty", ["", None])
def test_truths_without_an_alert(no_connections, context, empty):
    with pytest.raises(TaskDeferred) as deferred:
        TruthsSensor(task_id="t", project="digits", alert_id=empty).execute(context)
    assert deferred.value.trigger.serialize()[1]["alert_id"] is None


def test_drift_trigger_outlives_an_engine_that_is_gone(no_connections, monkeypatch):
    class Drift:
        def to_dict(self):
            return {"score": 1.5}

    answers = [OSError("disk"), LedgerError("the ledger is busy"), None, Drift()]

    def watch(settings, project):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(monitoring, "watch", watch)
    assert first_event(DriftTrigger("digits", 0.01, 10)) == {"status": "drift", "drift": {"score": 1.5}}
    assert answers == []


def test_drift_trigger_ends_quietly(no_connections, monkeypatch):
    monkeypatch.setattr(monitoring, "watch", lambda settings, project: None)
    assert first_event(DriftTrigger("digits", 0.01, 0.05)) == {"status": "quiet"}


def test_production_that_cannot_be_watched_is_one_alert_until_it_can_be(no_connections, monkeypatch, migrated_ledger):
    ledger = migrated_ledger(no_connections)
    gone, again = NotReleased("the package was altered: release again"), [None, LedgerError("busy"), None]
    looks = [gone, gone, monitoring.MonitoringError("no reference"), LedgerError("busy"), *again]
    seen = []

    def watch(settings, project):
        seen.append([(alert.kind, alert.severity, alert.state, alert.count) for alert in ledger.alerts("digits")])
        answer = looks.pop(0) if looks else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(monitoring, "watch", watch)
    assert first_event(DriftTrigger("digits", 0.01, 1.0)) == {"status": "quiet"}
    counts = [one[0][3] if one else 0 for one in seen[:5]]
    assert seen[0] == [] and seen[1] == [("unwatched", "critical", "open", 1)] and counts == [0, 1, 1, 2, 2]
    (alert,) = ledger.alerts("digits")
    assert alert.state == "closed" and alert.closed_reason == "the watch goes on"
    assert "production is not watched for drift. the package was altered: release again" in alert.message


def test_a_watch_that_could_never_look_fails_its_run(no_connections, monkeypatch, migrated_ledger, context):
    ledger = migrated_ledger(no_connections)
    problems = {"gone": NotReleased("its code is gone"), "down": OSError("disk")}

    def watch(settings, project):
        raise problem

    monkeypatch.setattr(monitoring, "watch", watch)
    sensor = DriftSensor(task_id="t", project="digits")
    for name, said in (("down", "an engine never answered"), ("gone", "its code is gone")):
        problem = problems[name]
        event = first_event(DriftTrigger("digits", 0.01, 0.1))
        with pytest.raises(AirflowFailException, match=f"production of digits is not watched: {said}"):
            sensor.resume(context, event)
    assert [(alert.state, alert.count) for alert in ledger.alerts("digits")] == [("open", 1)]


def test_drift_sensor_events(context):
    sensor = DriftSensor(task_id="t", project="digits")
    assert sensor.resume(context, {"status": "drift", "drift": {"score": 2}}) == {"score": 2}
    with pytest.raises(AirflowSkipException):
        sensor.resume(context, {"status": "quiet"})
    with pytest.raises(RuntimeError, match="unknown event 'odd'"):
        sensor.resume(context, {"status": "odd"})


def test_truths_sensor_events(context):
    sensor = TruthsSensor(task_id="t", project="digits")
    rows = {"start_cursor": None, "end_cursor": "1:9", "rows": 10, "labelled": 2}
    assert sensor.resume(context, {"status": "ready", "rows": rows}) == rows
    with pytest.raises(AirflowSkipException, match="2 of 10 inferred rows"):
        sensor.resume(context, {"status": "timeout", "rows": rows})
    with pytest.raises(RuntimeError, match="unknown event"):
        sensor.resume(context, {"status": "odd", "rows": rows})


def test_truths_trigger_counts_the_log(no_connections, monkeypatch):
    from include.inference.prediction_log import PredictionLog

    log = PredictionLog(no_connections.prediction_log, "digits")
    base = {"at": "2026-01-01T00:00:00Z", "release_id": "digits-r0001", "n": 1, "inputs": [[[0]]], "ms": 1}
    predictions = [{**base, "id": f"r{i}", "route": "production", "labels": ["1"], "probabilities": [[1]]} for i in range(400)]
    log.write([*predictions, {**predictions[0], "id": "s", "route": "staging"}])
    log.write([{"id": f"r{i}", "at": "2026-01-01T00:00:01Z", "labels": ["1"]} for i in range(350)], kind="truths")
    log.close()
    monkeypatch.setattr("include.data.truth_range.range_start", lambda *_: None)
    event = first_event(TruthsTrigger("digits", None, 5, 0.1))
    assert event["status"] == "ready"
    assert (event["rows"]["rows"], event["rows"]["labelled"]) == (400, 350)
