"""The tasks of a workflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.jobs import JOBS, JobOutOfMemory, JobTimeout
from include.jobs.registry import check_args
from include.management import Environment, put_environment
from include.projects import load_project
from include.settings import Settings
from operators.components import StartWorkflowOperator, WorkflowModelOperator, WorkflowStepOperator
from operators.components.wiring import FRESH

SPLIT = {
    "repository": "wines-dev", "zone": "dev", "version": "v1", "commit": "c0ffee" * 10, "split_path": "splits/abc.json",
    "split_digest": "sha256:" + "ab" * 32,
}  # fmt: skip


def step(name: str = "forest", **more: Any) -> WorkflowStepOperator:
    given = {"split": SPLIT, "workflow": {"run_id": "p", "experiment_id": "1"}, "upstream": {}, **more}
    return WorkflowStepOperator(task_id=f"t_{name}", project="wine_cultivars", step=name, **given)


def with_step(**changes: Any) -> Any:
    project = load_project("wine_cultivars")
    steps = {**project.workflow.steps, "forest": project.workflow.steps["forest"].model_copy(update=changes)}
    return project.model_copy(update={"workflow": project.workflow.model_copy(update={"steps": steps})})


@pytest.fixture
def settings(tmp_path: Path, migrated_ledger: Any) -> Settings:
    found = Settings(home=tmp_path)
    migrated_ledger(found)
    return found


def test_a_job_gets_the_step_and_what_it_takes(settings: Settings, context: Any) -> None:
    upstream = {"prepare": {"run_id": "r"}}
    one = step(upstream=upstream, fresh="True", experiment="시험")
    assert one.arguments(settings, context) == {
        "step": "forest", "split": SPLIT, "parent_run_id": "p", "upstream": upstream, "author": "developer",
        "key": "digits.release/manual__1", "fresh": True, "experiment": "시험",
    }  # fmt: skip
    assert step(fresh="False").arguments(settings, context)["fresh"] is False and FRESH["fresh"].value is False
    model = WorkflowModelOperator(
        task_id="m", project="wine_cultivars", split=SPLIT, workflow={"run_id": "p", "experiment_id": "7"}, steps={"forest": {}}
    )
    assert model.arguments(settings, context)["steps"] == {"forest": {}}
    for task in (one, model):
        check_args(task.job, JOBS[task.job].load(), task.arguments(settings, context))
    assert model.report_url == f"{settings.mlflow_url}/#/experiments/7/runs/p?workflowType=machine_learning"
    assert model.operator_extra_links[0].get_link(model, ti_key=None) == model.report_url


def test_a_step_narrows_its_environment(settings: Settings) -> None:
    put_environment(settings, Environment(name="gpu", runtime="docker", image="ml:1", memory="8Gi", timeout_minutes=30), None)
    project = with_step(environment="gpu", memory="1Gi", timeout_minutes=5)
    found = step().place(settings, project, "")
    assert (found.name, found.memory, found.timeout_minutes) == ("gpu", "1Gi", 5)
    assert step().place(settings, with_step(environment="gpu", memory="16Gi", timeout_minutes=60), "").memory == "8Gi"
    assert step().place(settings, with_step(environment="gpu", timeout_minutes=60), "").timeout_minutes == 30
    here = step().place(settings, with_step(memory="1Gi", timeout_minutes=None), "")
    assert (here.name, here.memory, here.timeout_minutes) == ("local", "1Gi", None)
    assert step("prepare").place(settings, project, "").timeout_minutes is None


def test_a_run_chooses_among_what_the_project_allows(settings: Settings) -> None:
    from include.management import EnvironmentRefused

    with pytest.raises(EnvironmentRefused, match="does not allow the environment 'gpu'"):
        step().place(settings, with_step(environment="cluster"), "gpu")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("limits", "name", "error", "says"),
    [
        ({"timeout_minutes": 0.05}, "sleep", JobTimeout, r"job sleep took longer than the 0.05 minutes.*steps.forest.timeout"),
        ({"memory": "128Mi"}, "hold", JobOutOfMemory, r"job hold ran out of memory \(128Mi.*workflow.steps.forest.memory"),
    ],
)
def test_a_step_beyond_its_limits_is_ended(
    settings: Settings, context: Any, monkeypatch: pytest.MonkeyPatch, sample_jobs: Path, limits: Any, name: str, error: Any,
    says: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("PYTHONPATH", str(sample_jobs))
    project, one = with_step(**limits), step()
    arguments = {"sleep": {"note": os.devnull}, "hold": {"megabytes": 90, "children": 2}}
    monkeypatch.setattr(WorkflowStepOperator, "job", name)
    monkeypatch.setattr(one, "arguments", lambda settings, context: arguments[name])
    with pytest.raises(error, match=f"step forest: {says}"):
        one.work(settings, project, context)


def test_a_project_without_a_workflow_is_refused(no_connections: Settings, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="digits has no section workflow"):
        StartWorkflowOperator(task_id="s", project="digits", split=SPLIT).execute(context)
