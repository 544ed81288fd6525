"""The same training in the task, in a container, in a pod and on a Ray cluster, by changing one word."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException

from include import data
from include.clients.mlflow import mlflow_client
from include.components.graph import upstream
from include.components.step import workflow_step
from include.ledger import Ledger
from include.local.demo.examples import source_place
from include.management import Environment, put_environment
from include.projects import Project, load_project
from include.settings import ROOT, Settings
from operators.components import StartWorkflowOperator, WorkflowStepOperator
from operators.training import TrainOperator, TuneOperator
from tests.fixtures.docker import box

pytestmark = pytest.mark.integration
PARAMS = {"learning_rate": 0.003, "channels": 16, "hidden": 64, "dropout": 0.1, "batch_size": 32}
TUNED = {"best": {"params": PARAMS}, "parent_run_id": None}


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """Return a folder with digits that trains for two epochs and may run everywhere."""
    target = tmp_path / "projects" / "digits"
    shutil.copytree(ROOT / "include" / "projects" / "digits", target, ignore=shutil.ignore_patterns("__pycache__"))
    path = target / "project.yaml"
    project = yaml.safe_load(path.read_text(encoding="utf-8"))
    project["training"]["epochs"] = 2
    project["training"]["tuning"] |= {"trials": 2, "epochs": 2}
    project["environments"] = {"default": "local", "allowed": ["box", "pods", "cluster", "gone"]}
    path.write_text(yaml.safe_dump(project, allow_unicode=True), encoding="utf-8")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("test_", "pytest-")):
            folder.chmod(0o755)  # a container's nobody reads the project here
    return target.parent


@pytest.fixture
def settings(data_server: Any, mlflow_server: Any, projects: Path, tmp_path: Path, monkeypatch: Any) -> Settings:
    """Return the settings of a platform with real engines and the environments in its ledger."""
    made = Settings(
        home=tmp_path / "home",
        projects_dir=projects,
        mlflow_url=mlflow_server.url,
        data_dev_url=data_server.url,
        data_dev_access_key=data_server.admin[0],
        data_dev_secret_key=data_server.admin[1],
        source_url=f"sqlite:///{tmp_path / 'source.db'}",  # type: ignore[arg-type]
    )
    Ledger(made.ledger()).migrate()
    place = {"DEVMLOPS_PROJECTS_DIR": str(projects)}
    pods = {"DEVMLOPS_HOME": str(tmp_path / "pod"), **place}
    put_environment(made, Environment(name="pods", runtime="kubernetes", image="devmlops:1", env=pods), "me")
    put_environment(made, Environment(name="cluster", runtime="ray", cpu=1), "me")
    references = {"projects": {"source": str(projects)}}
    container = box(references=references, env={"DEVMLOPS_PROJECTS_DIR": "/references/projects"}, memory="2Gi", cpu=2)
    put_environment(made, container, "me")
    monkeypatch.setattr("operators.base.platform_settings", lambda: made)
    return made


@pytest.fixture
def split(settings: Settings) -> dict[str, Any]:
    """Return the split of a version of 600 digits."""
    return _split(settings, load_project("digits", settings.projects_dir), 600)


@pytest.fixture
def wines(settings: Settings) -> Project:
    """Return a copy of the example with a workflow, under a name of its own."""
    name = f"wines_{uuid.uuid4().hex[:8]}"
    target = settings.projects_dir / name
    shutil.copytree(ROOT / "include" / "projects" / "wine_cultivars", target, ignore=shutil.ignore_patterns("__pycache__"))
    path = target / "project.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("name: wine_cultivars", f"name: {name}"), encoding="utf-8")
    return load_project(name, settings.projects_dir)


def _split(settings: Settings, project: Project, rows: int) -> dict[str, Any]:
    if not (versions := _versions(settings, project)):
        project.component("source")(source_place(settings, project), rows)
        ref = data.collect_round(settings, project, "dev", uuid.uuid4().hex, "me")
        data.check_round(settings, project, ref)
        versions = [data.tag_version(settings, project, data.merge_round(settings, project, ref), "", "me")]
    return data.make_split(settings, project, versions[-1])


def _versions(settings: Settings, project: Any) -> list[dict[str, Any]]:
    try:
        return [data.latest_version(settings, project, "dev")]
    except Exception:
        return []


def context(environment: str, run: str, task_id: str = "train") -> dict[str, Any]:
    task = SimpleNamespace(dag_id="digits.model_development", task_id=task_id, run_id=run, try_number=1, map_index=-1)
    task.xcom_push = lambda key, value: None
    return {
        "ti": task,
        "task_instance": task,
        "run_id": run,
        "params": {"environment": environment},
        "dag": SimpleNamespace(dag_id="digits.model_development"),
        "dag_run": SimpleNamespace(triggering_user_name="developer"),
    }


RUNTIMES = [("local", None), ("box", "docker_engine"), ("pods", "kubernetes_cluster"), ("cluster", "ray_cluster")]


@pytest.fixture
def place(request: Any, settings: Settings, monkeypatch: Any) -> str:
    """Start what the environment needs, and return its name."""
    environment, fixture = request.param
    engine = request.getfixturevalue(fixture) if fixture else None
    if environment == "pods":
        engine.variables["PYTHONPATH"] = str(ROOT)
    if environment == "cluster":
        found = settings.model_copy(update={"ray_url": engine.url, "ray_token": type(settings.ray_token)(engine.token)})
        monkeypatch.setattr("operators.base.platform_settings", lambda: found)
    return environment


@pytest.mark.parametrize("place", RUNTIMES, indirect=True, ids=[name for name, _ in RUNTIMES])
def test_a_training_is_the_same_everywhere(place, settings, split):
    done = TrainOperator(task_id="train", project="digits", split=split, tuned=TUNED).execute(context(place, uuid.uuid4().hex))
    run = mlflow_client(settings).get_run(done["run_id"])
    assert run.info.status == "FINISHED" and run.data.tags["devmlops.author"] == "developer"
    expected = _here(settings, split)
    for name, value in expected.items():
        assert done["metrics"][name] == pytest.approx(value, abs=1e-6), name
    reads = [one for one in Ledger(settings.ledger()).audit_entries(f"data {split['repository']}") if one.action == "data.read"]
    assert [one.details.get("via") for one in reads] == ["job train"] and reads[0].actor == "developer"


def _here(settings: Settings, split: dict[str, Any]) -> dict[str, float]:
    """Return what the training gives in this very process, without an entry in the audit log."""
    from include.training import train

    return dict(train(settings, load_project("digits", settings.projects_dir), split, PARAMS, tell=lambda line: None)["metrics"])


@pytest.mark.parametrize("place", [RUNTIMES[1], RUNTIMES[3]], indirect=True, ids=["box", "cluster"])
def test_tuning_starts_ray_in_a_container_and_finds_it_on_a_cluster(place, settings, split):
    one_line(settings.projects_dir / "digits" / "project.yaml", f"default: {place}")
    done = TuneOperator(task_id="tune", project="digits", split=split).execute(context("", uuid.uuid4().hex))
    assert len(done["trials"]) == 2 and done["best"]["run_id"]


def test_steps_of_a_workflow_run_where_each_of_them_says(settings, wines, kubernetes_cluster, ray_cluster, request, monkeypatch):
    kubernetes_cluster.variables["PYTHONPATH"] = str(ROOT)
    found = settings.model_copy(update={"ray_url": ray_cluster.url, "ray_token": type(settings.ray_token)(ray_cluster.token)})
    monkeypatch.setattr("operators.base.platform_settings", lambda: found)
    places = {"prepare": "pods", "measure_again": "cluster"}
    with contextlib.suppress(pytest.skip.Exception):  # a machine without an engine still has the other two
        request.getfixturevalue("docker_engine")
        places["forest"] = "box"
    path = wines.folder / "project.yaml"
    text = path.read_text(encoding="utf-8")
    for step, environment in places.items():
        text = text.replace(f"    {step}:\n", f"    {step}:\n      environment: {environment}\n")
    path.write_text(text, encoding="utf-8")
    project = load_project(wines.name, settings.projects_dir)
    split = _split(settings, project, 178)

    there, run = {"project": wines.name, "split": split}, uuid.uuid4().hex
    begun = StartWorkflowOperator(task_id="start", **there).execute(context("", run))
    results: dict[str, Any] = {}
    for step in places:
        needed = {name: results[name] for name in upstream(project, step)}
        task = WorkflowStepOperator(task_id=f"s_{step}", step=step, workflow=begun, upstream=needed, **there)
        results[step] = task.execute(context("", run, task.task_id))
        here = workflow_step(found, project, split, step, begun["run_id"], needed, key="here", fresh=True, tell=lambda line: None)
        digests = [{name: one["digest"] for name, one in made["outputs"].items()} for made in (results[step], here)]
        assert digests[0] == digests[1] and not results[step]["cached"]
        seen = mlflow_client(settings).get_run(results[step]["run_id"]).data.tags
        assert seen["devmlops.author"] == "developer" and seen["devmlops.key"] != "here"


def one_line(path: Path, line: str) -> None:
    """Change the one line of a project.yaml that says where its jobs run."""
    text = path.read_text(encoding="utf-8")
    assert text.count("default: local") == 1
    path.write_text(text.replace("default: local", line), encoding="utf-8")


def test_an_environment_that_is_not_allowed_or_not_there_is_refused(settings, split):
    task = TrainOperator(task_id="train", project="digits", split=split, tuned=TUNED)
    with pytest.raises(AirflowFailException, match=r"does not allow the environment 'moon', but local, box, pods, cluster, gone"):
        task.execute(context("moon", "r"))
    with pytest.raises(AirflowFailException, match=r"there is no environment 'gone'; there are: local, box, cluster, pods"):
        task.execute(context("gone", "r"))


def test_a_task_that_was_killed_before_its_job_began_starts_none(settings, split):
    task = TrainOperator(task_id="train", project="digits", split=split, tuned=TUNED)
    task.on_kill()
    task.on_kill()
    with pytest.raises(Exception, match="killed by SIGTERM"):
        task.execute(context("local", "r"))
    assert not list((settings.home / "jobs").glob("*")) if (settings.home / "jobs").exists() else True
    assert os.environ.get("DEVMLOPS_JOB_RUNTIME") is None
