"""Tasks whose jobs run elsewhere, run by Airflow itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.collection import update_dag_parsing_results_in_db
from airflow.models.dagbundle import DagBundleModel
from airflow.sdk import DAG, Context, Param
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session

from include.jobs.request import HOME
from include.ledger import Ledger
from include.management import Environment, put_environment
from include.projects import load_project
from include.projects.environments import Environments
from include.settings import ROOT, Settings
from operators.jobs import JobOperator
from operators.runtimes.docker import DockerJobOperator
from operators.runtimes.kubernetes import PodJobOperator
from tests.fixtures.docker import box

pytestmark = pytest.mark.integration


class Count(JobOperator):
    """A task that counts."""

    job = "count"

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        return {"to": 2}


@pytest.mark.parametrize(
    ("environment", "fixture", "operator"),
    [("box", "docker_engine", DockerJobOperator), ("pods", "kubernetes_cluster", PodJobOperator)],
)
def test_a_run_chooses_where_its_tasks_run(
    environment: str,
    fixture: str,
    operator: Any,
    request: Any,
    airflow_db: None,
    sample_jobs: Path,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    engine = request.getfixturevalue(fixture)
    settings = Settings(home=tmp_path / "home")
    Ledger(settings.ledger()).migrate()
    if environment == "pods":
        engine.variables["PYTHONPATH"] = f"{ROOT}{os.pathsep}{sample_jobs}"
        put_environment(settings, Environment(name="pods", runtime="kubernetes", image="devmlops:1"), "me")
    else:
        for folder in (sample_jobs, tmp_path, *tmp_path.parents):
            if folder.name.startswith(("test_", "pytest-", "site")):
                folder.chmod(0o755)
        put_environment(settings, box(references={"samples": {"source": str(sample_jobs)}}), "me")
    project = load_project("digits").model_copy(
        update={"environments": Environments.model_validate({"default": "local", "allowed": [environment]})}
    )
    monkeypatch.setattr("operators.base.platform_settings", lambda: settings)
    monkeypatch.setattr("operators.base.load_project", lambda name, folder: project)
    made: list[Any] = []
    of = operator.of
    monkeypatch.setattr(operator, "of", classmethod(lambda cls, *given: made.append(of(*given)) or made[-1]))
    with DAG(f"digits.count_{environment}", params={"environment": Param("", type="string")}) as dag:
        Count(task_id="count", project="digits")
    with create_session() as session:
        session.merge(DagBundleModel(name="tests"))
        session.commit()
        update_dag_parsing_results_in_db("tests", None, [LazyDeserializedDAG.from_dag(dag)], {}, None, set(), session=session)
    run = dag.test(run_conf={"environment": environment})
    (task,) = run.get_task_instances()
    assert str(task.state) == "success"
    assert [type(one) for one in made] == [operator]
    assert task.xcom_pull(task_ids="count")["home"] == HOME
