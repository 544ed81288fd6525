import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators.jobs import JobOperator
from operators.links import ReportLink
from operators.training import CheckCodeOperator

WRONG = {"tool": "ruff", "severity": "error", "file": "model.py", "line": 3, "rule": "F821", "message": "Undefined name `층`"}


@pytest.mark.parametrize("findings", [[], [WRONG]])
def test_code_with_errors_ends_the_run_for_good_and_its_report_stays_linked(no_connections, context, monkeypatch, findings):
    made = {"ok": not findings, "errors": len(findings), "warnings": 0, "ignored": 0, "findings": findings, "tools": {}}
    made |= {"run_id": "r", "report": "http://mlflow/report.html"}
    monkeypatch.setattr(JobOperator, "work", lambda self, settings, project, context: made)
    task = CheckCodeOperator(task_id="static_checks", project="digits", split={"repository": "digits-dev"})
    if findings:
        with pytest.raises(AirflowFailException, match=r"model\.py:3: F821 Undefined name `층`.*training\.code_checks\.ignore"):
            task.execute(context)
    else:
        assert task.execute(context) == {key: made[key] for key in ("ok", "errors", "warnings", "ignored", "run_id", "report")}
    assert ReportLink().get_link(task, ti_key=None) == "http://mlflow/report.html"


def test_the_job_gets_split_author_and_key(no_connections, context):
    task = CheckCodeOperator(task_id="static_checks", project="digits", split={"version": "v1"})
    found = task.arguments(no_connections, context)
    assert found == {"split": {"version": "v1"}, "author": "developer", "key": "digits.release/manual__1"}
    assert (task.job, task.template_fields) == ("check_code", ("project", "split"))
