"""The task that makes a model again: its key, its report, and whose code must be confirmed."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.ledger import Ledger
from include.management import code_of
from include.projects import load_project
from include.settings import Settings
from operators.training import ReproduceOperator
from tests.fixtures.ledger import confirm_code

REPORT = "https://mlflow/reports/reproduction.html"


@pytest.fixture
def settings(no_connections: Settings, migrated_ledger: Any) -> Settings:
    migrated_ledger(no_connections)
    return no_connections


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], str]]:
    """Return the arguments of each started job, and the code that its folder must hold."""
    found: list[tuple[dict[str, Any], str]] = []

    class Job:
        def run(self, on_line: Any) -> dict[str, Any]:
            return {"identical": True, "report": REPORT}

    def job(environment: Any, name: str, project: Any, args: Any, settings: Settings, **_: Any) -> Job:
        found.append((args, settings.job_code))
        return Job()

    monkeypatch.setattr("include.jobs.job", job)
    return found


def test_a_retry_finds_the_try_before_and_the_button_opens_the_report(
    settings: Settings, context: Any, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.training.model_info", lambda *_: {"data": {"zone": "dev"}, "project_code": "sha256:then"})
    task = ReproduceOperator(task_id="again", project="digits", version="v3")
    assert task.report_url is None
    task.execute(context)
    assert started == [({"version": "v3", "author": "developer", "key": "digits.release/manual__1"}, "")]
    (link,) = task.operator_extra_links
    assert link.get_link(task, ti_key=None) == REPORT  # type: ignore[arg-type]


def test_on_ops_data_the_code_of_the_record_must_be_confirmed_and_not_that_of_the_folder(
    settings: Settings, context: Any, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = {"data": {"zone": "ops"}, "project_code": "sha256:then"}
    monkeypatch.setattr("include.training.model_info", lambda *_: recorded)
    task = ReproduceOperator(task_id="again", project="digits", version="v3")
    project = load_project("digits")
    confirm_code(settings, project)  # that of the folder
    with pytest.raises(AirflowFailException, match="CodeRefused: the task again on ops data is refused: the code sha256:then"):
        task.execute(context)
    assert started == []
    recorded["project_code"] = code_of(project).digest
    task.execute(context)
    assert [code for _, code in started] == [""]
    assert [one.state for one in Ledger(settings.ledger()).codes("digits")] == ["confirmed"]
