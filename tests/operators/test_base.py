"""What a task does with the errors of the work."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.errors import FinalError
from operators.base import AUTOMATIC, ProjectOperator, actor, key


class Refused(FinalError):
    pass


class Work(ProjectOperator):
    def __init__(self, error=None, **kwargs):
        super().__init__(**kwargs)
        self.error = error

    def work(self, settings, project, context):
        if self.error:
            raise self.error
        return project.name


def test_the_work_gets_its_project(no_connections, context):
    assert Work(task_id="t", project="digits").execute(context) == "digits"


def test_what_a_rule_refuses_is_not_tried_again(no_connections, context):
    with pytest.raises(AirflowFailException, match="Refused: 검사 실패"):
        Work(task_id="t", project="digits", error=Refused("검사 실패")).execute(context)


def test_what_may_pass_is_tried_again(no_connections, context):
    with pytest.raises(ConnectionError):
        Work(task_id="t", project="digits", error=ConnectionError("gone")).execute(context)


@pytest.mark.parametrize("name", ["nothere", "../digits", "디지츠", ""])
def test_an_unknown_project_fails_at_once(no_connections, context, name):
    with pytest.raises(AirflowFailException, match=r"known projects: .*digits"):
        Work(task_id="t", project=name).execute(context)


def test_who_started_the_run(context):
    assert actor(context) == "developer"
    context["dag_run"].triggering_user_name = None
    assert actor(context) == AUTOMATIC
    assert key(context) == "digits.release/manual__1"
