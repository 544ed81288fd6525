"""The demo answers for its own runs alone."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from include.local.demo.show import Show
from include.local.demo.stage import Stage


@pytest.fixture
def stage(tmp_path):
    made = object.__new__(Stage)
    made.show = Show(tmp_path / "summary.json", Console(file=io.StringIO()))
    made.project = SimpleNamespace(name="digits")
    made.refused = []
    answer = lambda dag_id, run_id, task_id, option, reason: made.refused.append((run_id, option))  # noqa: E731
    made.approvers = SimpleNamespace(human=False, clients=[SimpleNamespace(answer=answer)])
    runs = ["demo-1", "alert-1-1", "alert-12-1", "manual__1"]
    questions = [{"task_instance": {"dag_id": "digits.release", "dag_run_id": run, "task_id": "approve_model"}} for run in runs]
    made.developer = SimpleNamespace(questions=lambda dag_id, run_id: questions)
    return made


def test_only_what_a_demo_left_is_refused(stage):
    with stage.show.step("s") as step:
        stage.own_retrainings("alert-1")
        stage.own_retrainings("alert-1")
        stage.refuse_leftovers(step)
    assert stage.refused == [("demo-1", "Refuse"), ("alert-1-1", "Refuse")]
    assert stage.own_retrainings() == ["alert-1"]


def test_people_answer_for_themselves(stage):
    stage.approvers.human = True
    with stage.show.step("s") as step:
        stage.refuse_leftovers(step)
    assert stage.refused == []
