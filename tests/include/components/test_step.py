"""Steps as jobs: kept in MLflow, computed once, and what goes wrong leaves nothing half."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client, read_file
from include.components.collect import workflow_model
from include.components.errors import StepError, StepFailed
from include.components.graph import order, upstream
from include.components.start import REPORT, start_workflow
from include.components.step import workflow_step
from include.projects import Project
from include.settings import ROOT, Settings
from include.training.evaluate import evaluate
from include.training.models import load_run
from include.training.register import register
from include.training.reproduction import reproduce

pytestmark = pytest.mark.integration


def run(settings: Settings, project: Project, split: Any, key: str, **more: Any) -> tuple[dict[str, Any], list[str]]:
    """Run all steps as the pipeline does; return what they gave, and the lines of the log."""
    lines: list[str] = []
    parent = start_workflow(settings, project, split, "지은", key)["run_id"]
    made: dict[str, Any] = {"": parent}
    for name in order(project):
        needed = {one: made[one] for one in upstream(project, name)}
        made[name] = workflow_step(settings, project, split, name, parent, needed, key=key, tell=lines.append, **more)
    return made, lines


def of_kind(settings: Settings, project: Project, **tags: str) -> list[Any]:
    client = mlflow_client(settings)
    found = {"devmlops.kind": "workflow_step", **{f"devmlops.{name}": value for name, value in tags.items()}}
    return find_runs(client, ensure_experiment(client, f"{project.name}/training"), found)


def test_a_workflow_gives_a_model_like_any_other(
    settings: Settings, with_steps: Callable[..., Project], served: list[str], split: Any, steps: dict[str, Any], wines: Any
) -> None:
    steps["linear"] = {**steps["forest"], "use": "linear@1", "params": {}, "title": "로지스틱"}
    steps["both"] = {"use": "soft_vote@1", "inputs": {"models": ["forest.model", "linear.model"]}, "params": {"weights": [1, 3]}}
    project = with_steps(steps, "both.model")
    made, lines = run(settings, project, split, "first")
    parent = made.pop("")
    assert [one["cached"] for one in made.values()] == [False] * 4 and lines[-1].startswith("step both (soft_vote@1) done")
    done = workflow_model(settings, project, split, parent, made, key="first", tell=lines.append)
    assert workflow_model(settings, project, split, parent, made, key="first", tell=lines.append)["run_id"] == done["run_id"]

    client = mlflow_client(settings)
    training = client.get_run(done["run_id"])
    assert training.data.tags["mlflow.parentRunId"] == parent and training.data.tags["devmlops.kind"] == "training"
    assert training.data.params["forest.trees"] == "5" and training.data.params["both.weights"] == "[1.0, 3.0]"
    assert {client.get_run(one["run_id"]).data.tags["mlflow.parentRunId"] for one in made.values()} == {parent}
    assert client.get_run(parent).info.status == "FINISHED"
    html = read_file(client, parent, REPORT).decode()
    assert "<svg" in html and "로지스틱" in html and "Tensor" in html and "4 computed in" in html
    model = load_run(client, project, done["run_id"])
    right = (model.predict(wines["validation"].inputs).argmax(1) == wines["validation"].labels).mean()
    assert right == done["metrics"]["validation_accuracy"] > 0.9

    evaluate(settings, project, split, done["run_id"])
    assert register(settings, project, done["run_id"])["version"] == "1"
    again = reproduce(settings, project, run_id=done["run_id"])
    assert again["identical"] and again["same_code"]

    readings = len(served)
    second, lines = run(settings, project, split, "second")
    second.pop("")
    assert all(one["cached"] for one in second.values()) and len(served) == readings
    assert all("is not computed again" in line for line in lines) and second["both"]["run_id"] == made["both"]["run_id"]

    # After a late step was changed, that one is computed again with what takes of it; under another key as well.
    steps["linear"]["params"] = {"strength": 0.5}
    third, _ = run(settings, with_steps(steps, "both.model", name=project.name), split, "third")
    third.pop("")
    assert {name for name, one in third.items() if not one["cached"]} == {"linear", "both"}
    steps["both"]["params"] = {"weights": [1, 1]}
    fourth, _ = run(settings, with_steps(steps, "both.model", name=project.name), split, "fourth")
    assert [name for name, one in fourth.items() if name and not one["cached"]] == ["both"]
    assert fourth["linear"]["run_id"] == third["linear"]["run_id"] != made["linear"]["run_id"]


def test_what_fails_leaves_nothing_to_be_taken(
    settings: Settings, with_steps: Callable[..., Project], served: list[str], split: Any, steps: dict[str, Any]
) -> None:
    steps["rows"] = {"use": "samples:rows", "inputs": {"items": "data.train"}}
    steps["bad"] = {"use": "samples:act", "inputs": {"rows": "rows.rows"}, "params": {"how": "raise", "note": "성별"}}
    steps["end"] = {"use": "samples:mean", "inputs": {"rows": "bad.rows"}}
    project = with_steps(steps)
    for _ in range(2):
        with pytest.raises(StepError, match=r"step bad .samples:act.: ValueError: 열 '성별' 이 없다 .samples.py, line"):
            run(settings, project, split, "k")
    (*_, failed) = of_kind(settings, project, step="bad")
    client = mlflow_client(settings)
    assert failed.info.status == "FAILED" and "열 '성별'" in failed.data.tags["mlflow.note.content"]
    assert not client.list_artifacts(failed.info.run_id, "outputs") and "devmlops.cache" not in failed.data.tags
    assert len(of_kind(settings, project, step="rows")) == 1
    assert client.get_run(failed.data.tags["mlflow.parentRunId"]).info.status == "FAILED"

    steps["bad"]["params"] = {"how": "disk"}
    with pytest.raises(StepFailed, match="No space left"):
        run(settings, with_steps(steps, name=project.name), split, "k")

    steps["bad"]["params"] = {"how": "right"}
    mended = with_steps(steps, name=project.name)
    made, _ = run(settings, mended, split, "k")
    assert made["end"]["figures"] == {"figures": {"평균": 1.0, "비율 (%)": 0.0}} and made["rows"]["cached"]

    # An artefact that somebody changed is not read.
    made["rows"]["outputs"]["rows"]["digest"] = "sha256:" + "0" * 64
    with pytest.raises(StepError, match="is not what the step wrote: run the pipeline again with fresh"):
        workflow_step(settings, mended, split, "bad", made[""], {"rows": made["rows"]}, key="other", fresh=True)


def test_a_killed_step_is_done_afresh_and_those_before_it_are_not(
    settings: Settings, with_steps: Callable[..., Project], served: list[str], split: Any, steps: dict[str, Any], tmp_path: Path
) -> None:
    note = tmp_path / "메모"
    steps["rows"] = {"use": "samples:rows", "inputs": {"items": "data.train"}}
    steps["once"] = {"use": "samples:act", "inputs": {"rows": "rows.rows"}, "params": {"how": "once", "note": str(note)}}
    steps["end"] = {"use": "samples:mean", "inputs": {"rows": "once.rows"}}
    project = with_steps(steps)
    parent = start_workflow(settings, project, split, key="k")["run_id"]
    first = workflow_step(settings, project, split, "rows", parent, {}, key="k")
    args = {"split": split, "step": "once", "parent_run_id": parent, "upstream": {"rows": first}, "key": "k"}
    code = (
        "import json, sys\nfrom include.jobs.registry import JOBS\nfrom include.projects import load_project\n"
        "from include.settings import Settings\ns = Settings()\nname, args = sys.argv[1], json.loads(sys.argv[2])\n"
        "JOBS['workflow_step'].load()(s, load_project(name, s.projects_dir), **args)\n"
    )
    import json
    import os

    env = {**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, project.name, json.dumps(args)], env=env, cwd=ROOT, timeout=200)
    assert done.returncode == -9 and note.read_text() == "1"
    (open_one,) = of_kind(settings, project, step="once")
    assert open_one.info.status == "RUNNING"

    assert start_workflow(settings, project, split, key="k") == {
        "run_id": parent, "experiment_id": open_one.info.experiment_id, "new": False,
    }  # fmt: skip
    again = workflow_step(settings, project, split, "rows", parent, {}, key="k")
    made = workflow_step(settings, project, split, "once", parent, {"rows": again}, key="k")
    assert again["cached"] and not made["cached"] and note.read_text() == "2"
    assert sorted(one.info.status for one in of_kind(settings, project, step="once")) == ["FINISHED", "KILLED"]
    assert len(of_kind(settings, project, step="rows")) == 1

    fresh = [workflow_step(settings, project, split, "rows", parent, {}, key="other", fresh=True) for _ in range(2)]
    assert [one["cached"] for one in fresh] == [False, True] and fresh[0]["run_id"] == fresh[1]["run_id"] != first["run_id"]
    assert fresh[0]["outputs"] == first["outputs"]
