from contextlib import nullcontext

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.projects import load_project
from include.training.errors import GateError
from include.training.model_tests import REPORT
from operators.jobs import JobOperator
from operators.links import ReportLink
from operators.training import CheckCodeOperator, EvaluateOperator, TestModelOperator, TrainOperator, TuneOperator
from tests.fixtures.ledger import confirm_code

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


@pytest.mark.parametrize("before", [True, False])
def test_confirmed_code_that_has_passed_starts_no_job(no_connections, context, monkeypatch, migrated_ledger, capsys, before):
    made = {
        "ok": True,
        "errors": 0,
        "warnings": 1,
        "ignored": 0,
        "findings": [],
        "tools": {},
        "run_id": "r",
        "report": "http://r",
    }
    started = []
    monkeypatch.setattr(JobOperator, "work", lambda self, *_: started.append(self.task_id) or made)
    monkeypatch.setattr("include.training.code_checks.passed", lambda settings, project: made if before else None)
    migrated_ledger(no_connections)
    task = CheckCodeOperator(task_id="static_checks", project="digits", split={"repository": "digits-ops", "zone": "ops"})
    with pytest.raises(AirflowFailException, match="the task static_checks on ops data is refused: no code of digits"):
        task.execute(context)
    confirm_code(no_connections, load_project("digits"))
    assert task.execute(context)["run_id"] == "r"
    assert started == ([] if before else ["static_checks"])
    assert ("has passed the checks before, in run r: nothing to do" in "".join(capsys.readouterr())) == before
    assert ReportLink().get_link(task, ti_key=None) == "http://r"


@pytest.mark.parametrize("fails", [True, False])
def test_the_links_open_the_reports_of_evaluation_and_tests_also_where_tests_fail(no_connections, context, monkeypatch, fails):
    made = {
        "run_id": "r",
        "metrics": {},
        "per_class": {},
        "report": "http://m/#/experiments/1/runs/r/artifacts/reports/evaluation.html?view=1",
    }
    monkeypatch.setattr(JobOperator, "with_code", lambda self, settings, *_: settings)

    class Job:
        def run(self, on_line):
            if fails and name == "test_model":
                raise GateError("the model of run r", [])
            return made

    monkeypatch.setattr("include.jobs.job", lambda *given, **more: Job())
    split = {"repository": "digits-dev", "zone": "dev"}
    name = "evaluate"
    evaluate = EvaluateOperator(task_id="evaluate", project="digits", split=split, trained={"run_id": "r"})
    evaluated = evaluate.execute(context)
    assert ReportLink().get_link(evaluate, ti_key=None) == made["report"]
    name = "test_model"
    test = TestModelOperator(task_id="test_model", project="digits", split=split, evaluated=evaluated)
    with pytest.raises(AirflowFailException) if fails else nullcontext():
        test.execute(context)
    assert ReportLink().get_link(test, ti_key=None) == f"http://m/#/experiments/1/runs/r/artifacts/{REPORT}?view=1"
    assert all(any(isinstance(link, ReportLink) for link in task.operator_extra_links) for task in (evaluate, test))


@pytest.mark.parametrize("operator", [TuneOperator, TrainOperator])
def test_the_link_of_a_search_and_of_a_training_opens_its_run(operator, no_connections, context, monkeypatch):
    monkeypatch.setattr(JobOperator, "with_code", lambda self, settings, *_: settings)

    class Job:
        def run(self, on_line):
            return {"run_id": "r", "url": "http://m/#/experiments/1/runs/r"}

    monkeypatch.setattr("include.jobs.job", lambda *given, **more: Job())
    given = {} if operator is TuneOperator else {"tuned": {"best": {"params": {}}, "parent_run_id": "p"}}
    split = {"repository": "digits-dev", "zone": "dev"}
    task = operator(task_id="t", project="digits", split=split, **given)
    (link,) = task.operator_extra_links
    assert link.get_link(task, ti_key=None) == ""
    task.execute(context)
    assert link.get_link(task, ti_key=None) == "http://m/#/experiments/1/runs/r" and "MLflow" in link.name


def test_the_job_gets_split_author_and_key(no_connections, context):
    task = CheckCodeOperator(task_id="static_checks", project="digits", split={"version": "v1"})
    found = task.arguments(no_connections, context)
    assert found == {"split": {"version": "v1"}, "author": "developer", "key": "digits.release/manual__1"}
    assert (task.job, task.template_fields) == ("check_code", ("project", "split"))


@pytest.mark.parametrize("operator", [TuneOperator, TrainOperator])
def test_search_and_training_begin_with_the_same_model(operator, no_connections, context):
    given = {} if operator is TuneOperator else {"tuned": {"best": {"params": {}}, "parent_run_id": "p"}}
    for asked, wanted in (("digits@v3", "digits@v3"), ("", None)):
        task = operator(task_id="t", project="digits", split={"version": "v1"}, start_from=asked, **given)
        assert task.arguments(no_connections, context).get("init_from") == wanted
