"""The task that lays runs side by side."""

from __future__ import annotations

from typing import Any

import pytest

from include.jobs.registry import JOBS, check_args
from include.settings import Settings
from operators.jobs import JobOperator
from operators.training import CompareRunsOperator


def test_the_best_of_an_experiment_are_compared(no_connections: Settings, context: Any) -> None:
    task = CompareRunsOperator(task_id="c", project="digits", run_ids="[]", best="3", experiment="큰 모델")
    assert "experiment" in task.template_fields
    made = task.arguments(no_connections, context)
    assert made == {"run_ids": [], "best": 3, "author": "developer", "experiment": "큰 모델"}
    check_args(task.job, JOBS[task.job].load(), made)
    named = CompareRunsOperator(task_id="c", project="digits", run_ids=["a", "b"]).arguments(no_connections, context)
    assert "experiment" not in named and named["run_ids"] == ["a", "b"]


def test_the_button_opens_the_page(no_connections: Settings, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JobOperator, "work", lambda *_: {"report": "https://mlflow/comparison.html"})
    task = CompareRunsOperator(task_id="c", project="digits")
    task.execute(context)
    (link,) = task.operator_extra_links
    assert link.name == "Comparison"
    assert link.get_link(task, ti_key=None) == "https://mlflow/comparison.html"  # type: ignore[arg-type]
