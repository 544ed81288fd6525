"""The task that profiles a version: its arguments, its job and its link."""

from __future__ import annotations

import pytest

from include.jobs.registry import JOBS, check_args
from operators.data import ProfileVersionOperator
from operators.jobs import JobOperator

FIRST = {"repository": "digits-dev", "zone": "dev", "version": "v1", "commit": "a", "count": 3}
LAST = {**FIRST, "version": "v2", "commit": "b"}


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr("include.data.version", lambda settings, project, zone, name: {"v1": FIRST, "v2": LAST}[name])
    monkeypatch.setattr("include.data.latest_version", lambda settings, project, zone: LAST)


def test_the_form_of_the_dag_becomes_the_arguments_of_the_job(dags, known, no_connections, context):
    task = dags["digits.profile"].get_task("profile_version")
    given = {"version": "", "part": "test", "columns": ["나이", 'a"b'], "sample": 500, "seed": 3, "compare_with": "v1"}
    for name in task.template_fields:
        setattr(task, name, task.render_template(getattr(task, name), {"params": given}))
    made = task.arguments(no_connections, context)
    assert made["data"] == LAST and made["compare_with"] == FIRST and made["columns"] == ["나이", 'a"b']
    assert (made["part"], made["sample"], made["seed"]) == ("test", 500, 3)
    check_args(task.job, JOBS[task.job].load(), made)
    assert task.settings_of(no_connections, made) == no_connections.for_zone("dev")


def test_a_named_version_and_nothing_to_compare_with(known, no_connections, context):
    task = ProfileVersionOperator(task_id="t", project="digits", version="v1")
    made = task.arguments(no_connections, context)
    assert made["data"] == FIRST and made["compare_with"] is None and made["columns"] == []


def test_the_page_is_linked_from_the_task(monkeypatch, no_connections, context):
    monkeypatch.setattr(
        JobOperator, "work", lambda self, settings, project, context: {"url": "http://mlflow/page", "run_id": "r"}
    )
    task = ProfileVersionOperator(task_id="t", project="digits")
    (link,) = task.operator_extra_links
    assert link.name == "Profile" and link.get_link(task, ti_key=None) == ""
    assert task.work(no_connections, None, context)["run_id"] == "r"
    assert link.get_link(task, ti_key=None) == "http://mlflow/page"
