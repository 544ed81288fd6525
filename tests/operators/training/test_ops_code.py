"""A job that reads ops data runs confirmed code, here and where it runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.jobs.__main__ import REFUSED, main
from include.jobs.registry import JOBS
from include.ledger import Ledger
from include.management import code_of
from include.projects import load_project
from include.settings import Settings
from operators.data import RefineRoundOperator
from operators.monitoring import FourWayOperator
from operators.release import PackageOperator
from operators.training import CompareRunsOperator, EvaluateOperator, ReproduceOperator, TrainOperator
from tests.fixtures.ledger import confirm_code

SPLIT = {"repository": "digits-ops", "zone": "ops", "commit": "c", "version": "v2"}


@pytest.fixture
def settings(tmp_path: Path, migrated_ledger: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings with a ledger and a copy of digits that a test may change; jobs say what they were given."""
    shutil.copytree(load_project("digits").folder, tmp_path / "p" / "digits", ignore=shutil.ignore_patterns("__pycache__"))
    made = Settings(home=tmp_path, projects_dir=tmp_path / "p")
    migrated_ledger(made)
    monkeypatch.setattr("operators.base.platform_settings", lambda: made)
    return made


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the code that each started job must run."""
    codes: list[str] = []

    class Job:
        def run(self, on_line: Any) -> dict[str, Any]:
            return {"decision": "accept"}

    def job(environment: Any, name: str, project: Any, args: Any, settings: Settings, **_: Any) -> Job:
        codes.append(settings.job_code)
        return Job()

    monkeypatch.setattr("include.jobs.job", job)
    return codes


def tasks(split: dict[str, Any]) -> list[Any]:
    tuned = {"best": {"params": {}}, "parent_run_id": "p"}
    return [
        TrainOperator(task_id="train", project="digits", split=split, tuned=tuned),
        EvaluateOperator(task_id="evaluate", project="digits", split=split, trained={"run_id": "r"}),
        FourWayOperator(task_id="four_way", project="digits", split=split, model={"version": "2"}),
    ]


def test_jobs_on_ops_data_wait_for_a_confirmation(settings: Settings, context: Any, started: list[str]) -> None:
    for task in tasks(SPLIT):
        with pytest.raises(AirflowFailException, match=f"CodeRefused: the task {task.task_id} on ops data is refused: no code"):
            task.execute(context)
    assert started == []
    project = load_project("digits", settings.projects_dir)
    digest = confirm_code(settings, project)
    for task in tasks(SPLIT):
        task.execute(context)
    assert started == [digest] * 3
    (project.folder / "model.py").write_text("changed", encoding="utf-8")
    with pytest.raises(AirflowFailException, match=r"these differ: changed: model\.py\. Run digits\.model_development"):
        tasks(SPLIT)[0].execute(context)


def test_jobs_on_dev_data_run_what_lies_there(settings: Settings, context: Any, started: list[str]) -> None:
    tasks({**SPLIT, "repository": "digits-dev", "zone": "dev"})[0].execute(context)
    CompareRunsOperator(task_id="c", project="digits", run_ids=["a", "b"]).execute(context)  # reads no data at all
    assert started == ["", ""]
    (code,) = Ledger(settings.ledger()).codes("digits")
    assert (code.state, code.by) == ("development", "developer")


def test_own_refine_steps_wait_for_a_confirmation_on_ops_data(settings: Settings, context: Any, monkeypatch: Any) -> None:
    done: list[Any] = []
    monkeypatch.setattr("include.data.refine.rounds.repository", lambda *given: done.append(given[2]))
    path = settings.projects_dir / "digits" / "project.yaml"
    text = path.read_text(encoding="utf-8")

    def refine(step: str, zone: str) -> Any:
        path.write_text(text.replace("  checks:", f"  refine: [{{use: '{step}'}}]\n  checks:"), encoding="utf-8")
        none = {"zone": zone, "round": None, "count": 0, "commit": "c"}
        return RefineRoundOperator(task_id="refine_round", project="digits", round=none).execute(context)

    refine("preprocess:preprocess", "dev")
    refine("drop_duplicates", "ops")  # the product's own
    with pytest.raises(
        AirflowFailException, match=r"CodeRefused: refining by preprocess:preprocess on ops data is refused: no code of"
    ):
        refine("preprocess:preprocess", "ops")
    assert done == ["dev", "ops"]
    confirm_code(settings, load_project("digits", settings.projects_dir))
    refine("preprocess:preprocess", "ops")
    assert done == ["dev", "ops", "ops"]


def test_a_reproduction_looks_at_the_data_of_its_model(
    settings: Settings, context: Any, started: list[str], monkeypatch: Any
) -> None:
    data = {"zone": "dev"}
    monkeypatch.setattr("include.training.model_info", lambda *_: {"data": data})
    task = ReproduceOperator(task_id="again", project="digits", version="confirmed")
    task.execute(context)
    data["zone"] = "ops"
    with pytest.raises(AirflowFailException, match="the task again on ops data is refused"):
        task.execute(context)
    assert started == [""]


def test_a_project_without_a_model_is_not_held_to_it(settings: Settings, context: Any, started: list[str]) -> None:
    path = settings.projects_dir / "digits" / "project.yaml"
    kept = path.read_text(encoding="utf-8").split("\ntraining:")[0] + "\n"
    path.write_text(kept, encoding="utf-8")
    tasks(SPLIT)[0].execute(context)
    assert started == [""]


def test_a_release_packages_confirmed_code(settings: Settings, context: Any, monkeypatch: Any) -> None:
    made: list[str] = []
    monkeypatch.setattr("include.release.package.package", lambda *given: made.append(given[2]) or {})
    release = {"id": "digits-r0001", "model": {}, "release_run_id": "r"}
    task = PackageOperator(task_id="package", project="digits", release=release)
    with pytest.raises(AirflowFailException, match="CodeRefused: packaging is refused: no code of digits was ever confirmed"):
        task.execute(context)
    confirm_code(settings, load_project("digits", settings.projects_dir))
    task.execute(context)
    assert made == ["digits-r0001"]


def test_a_job_with_other_code_than_the_confirmed_one_refuses(
    settings: Settings, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    project = load_project("digits", settings.projects_dir)
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"project": "digits", "args": {"run_ids": ["a", "b"]}}))
    monkeypatch.setattr("include.training.comparison.write_comparison", lambda settings, project, run_ids: {"runs": run_ids})
    for name, value in settings.model_copy(update={"job_code": code_of(project).digest}).environment().items():
        monkeypatch.setenv(name, value)
    assert "compare_runs" in JOBS and main(["compare_runs", "--spec", str(spec)]) == 0
    (project.folder / "preprocess.py").write_text("an older image", encoding="utf-8")
    assert main(["compare_runs", "--spec", str(spec)]) == REFUSED
    assert "CodeRefused: the code of digits where this job runs is sha256:" in capsys.readouterr().err
