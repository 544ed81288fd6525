from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from include.clients.lakefs import DataUnreachable
from include.data import status
from operators.data import StatusReportOperator

PLACE = {"repository": "digits-dev", "zone": "dev", "ref": "abc", "path": "reports/x.html"}
MADE = {"report": PLACE, "url": "https://x/report", "totals": {"items": 3}, "lines": ["3 items 한글"], "versions": ["v1"]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, no_connections: Any, context: dict[str, Any]) -> dict[str, Any]:
    """What the operator asked for; the answer is ``made``."""
    found: dict[str, Any] = {"made": MADE, "sheets": []}

    def run_report(settings: Any, project: Any, zone: str, run_id: str, author: str, tasks: dict[str, str]) -> Any:
        found.update(zone=zone, run_id=run_id, author=author, tasks=tasks)
        return found["made"]

    def keep_sheet(settings: Any, project: Any, ref: dict[str, Any], author: str) -> Any:
        found["sheets"].append(ref)
        raise DataUnreachable("digits-dev", "no answer", "wait")

    monkeypatch.setattr(status, "run_report", run_report)
    monkeypatch.setattr("include.data.sheet.keep_sheet", keep_sheet)
    states = {"manual__1": {"check_round": "failed", "status_report": "running", "merge_round": None}}
    ti = SimpleNamespace(task_id="status_report", get_task_states=lambda dag_id, run_ids: states)
    return {**found, "found": found, "context": {**context, "task_instance": ti}}


def test_the_report_is_linked_and_its_counts_are_in_the_log(
    asked: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StatusReportOperator, "log", logging.getLogger("a task"))
    operator = StatusReportOperator(task_id="status_report", project="digits", zone="ops")
    with caplog.at_level(logging.INFO):
        assert operator.execute(asked["context"]) == {"report": PLACE, "url": "https://x/report", "totals": {"items": 3}}
    found = asked["found"]
    assert operator.report_url == "https://x/report" and "3 items 한글" in caplog.text
    assert (found["zone"], found["run_id"], found["author"]) == ("ops", "digits.release/manual__1", "developer")
    assert found["tasks"] == {"check_round": "failed"}
    assert found["sheets"] == [{"version": "v1", "zone": "ops"}], "the sheet of a new version is made again"
    assert "the data sheet of v1 is as it was" in caplog.text, "a sheet that fails costs no report"


def test_nothing_changed_is_no_report(asked: dict[str, Any]) -> None:
    asked["found"]["made"] = {**MADE, "report": None, "url": None}
    operator = StatusReportOperator(task_id="status_report", project="digits")
    with pytest.raises(AirflowSkipException, match="changed nothing about the data of digits"):
        operator.execute(asked["context"])
    assert operator.report_url is None


@pytest.mark.parametrize("dag_id", ["digits.data_preparation", "digits.bundle", "digits.retraining"])
def test_the_report_is_a_teardown_of_its_dag(dags: Any, dag_id: str) -> None:
    task = dags[dag_id].get_task("status_report")
    assert task.is_teardown and not task.on_failure_fail_dagrun
    assert "make_split" in task.upstream_task_ids and not task.downstream_task_ids
