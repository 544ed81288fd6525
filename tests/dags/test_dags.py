"""What must hold of every DAG, and the edges that must exist."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = {
    "data_preparation",
    "bundle",
    "data_rollback",
    "model_development",
    "comparison",
    "experiments",
    "reproduction",
    "release",
    "monitoring",
    "profile",
    "retraining",
    "rollback",
}
AREAS = {"data", "development", "training", "release", "inference", "monitoring", "management", "governance"}


def test_every_project_has_every_pipeline(dags):
    assert {dag_id for dag_id in dags if dag_id.startswith("digits.")} == {f"digits.{p}" for p in PIPELINES}


def test_airflow_looks_into_every_file():
    from airflow.utils.file import might_contain_dag_via_default_heuristic

    files = sorted((ROOT / "dags").glob("*.py"))
    assert files and [path.name for path in files if not might_contain_dag_via_default_heuristic(str(path))] == []


@pytest.mark.parametrize("pipeline", sorted(PIPELINES))
def test_a_dag_explains_itself(dags, pipeline):
    dag = dags[f"digits.{pipeline}"]
    assert "When it fails" in dag.doc_md
    assert "devmlops" in dag.tags and "digits" in dag.tags and dag.tags & AREAS
    assert dag.max_active_runs == (16 if pipeline == "release" else 1)
    for name in dag.params:
        schema = dag.params.get_param(name).schema
        assert schema.get("title") and schema.get("type"), f"{name} has no title or type"


@pytest.mark.parametrize("pipeline", sorted(PIPELINES))
def test_a_run_starts_from_the_form_as_it_stands(dags, pipeline):
    dag = dags[f"digits.{pipeline}"]
    params = {name: dag.params.get_param(name) for name in dag.params}
    asked = {"data_rollback": {"version", "reason"}, "rollback": {"reason"}}.get(pipeline, set())
    empty = {name for name, param in params.items() if not param.has_value or param.value == ""}
    blocked = {name for name in empty if "null" not in params[name].schema["type"]}
    assert blocked == asked  # the form holds back a run while one of these is empty


def test_what_is_left_out_of_a_form_reaches_a_task_as_an_empty_text(dags):
    given = dict.fromkeys(("data_version", "experiment", "start_from", "trials"))
    params = dags["digits.model_development"].params
    for name, value in given.items():
        assert params.get_param(name).resolve(value) is None
    tasks = [dags["digits.model_development"].get_task(name) for name in ("choose_split", "tune", "train")]
    both = ["start_from", "experiment"]
    for task, names in zip(tasks, (["version"], ["trials", *both], both), strict=True):
        assert [task.render_template(getattr(task, name), {"params": given}) for name in names] == [""] * len(names)


@pytest.mark.parametrize(
    ("pipeline", "before", "after"),
    [
        ("data_preparation", "check_round", "merge_round"),
        ("data_preparation", "merge_round", "tag_version"),
        ("model_development", "evaluate", "register_model"),
        ("model_development", "evaluate", "test_model"),
        ("model_development", "test_model", "confirm_model"),
        ("experiments", "ask_before_deletion", "change_experiment"),
        ("release", "optimise", "package"),
        ("release", "static_checks", "package"),
        ("release", "parity", "staging_test"),
        ("release", "staging_test", "seal"),
        ("release", "seal", "approve_model"),
        ("release", "approve_model", "approve_inference_code"),
        ("release", "approve_inference_code", "deploy"),
        ("retraining", "check_round", "merge_round"),
        ("retraining", "check_test_rows", "static_checks"),
        ("retraining", "static_checks", "tune"),
        ("retraining", "four_way", "confirm_model"),
        ("retraining", "test_model", "confirm_model"),
        ("retraining", "confirm_model", "release"),
        ("monitoring", "raise_alert", "start_retraining"),
    ],
)
def test_the_edge_exists(dags, pipeline, before, after):
    dag = dags[f"digits.{pipeline}"]
    assert before in dag.get_task(after).get_flat_relative_ids(upstream=True)


def test_the_form_of_a_bundle_reaches_its_task(dags):
    given = {"classes": ["고양이", "a<b>'\"c"], "sources": [], "groups": [], "labels": None, "taken_from": "2026-01-01T00:00:00Z"}
    given |= {"taken_to": None, "n": 5, "seed": 0, "versions": ["v1"], "rounds": [3], "notes": "시험"}
    task = dags["digits.bundle"].get_task("make_bundle")
    found = {name: task.render_template(getattr(task, name), {"params": given}) for name in task.template_fields}
    assert json.loads(found["filter"]["classes"]) == given["classes"] and found["notes"] == "시험"
    assert found["filter"]["sample"] == {"n": "5", "seed": "0"} and found["filter"]["labels"] == "null"
    assert (json.loads(found["versions"]), json.loads(found["rounds"])) == (["v1"], [3])


def test_the_model_to_begin_with_reaches_the_search_and_the_training(dags):
    tasks = [dags["digits.model_development"].get_task(name) for name in ("tune", "train")]
    given = {"start_from": "v3"}
    assert [task.render_template(task.start_from, {"params": given}) for task in tasks] == ["v3", "v3"]


def test_the_form_of_a_comparison_reaches_its_task(dags):
    task = dags["digits.comparison"].get_task("compare_runs")
    given = {"run_ids": [], "best": 3, "experiment": "큰 모델"}
    found = {name: task.render_template(getattr(task, name), {"params": given}) for name in task.template_fields}
    assert (found["run_ids"], found["best"], found["experiment"]) == ("[]", "3", "큰 모델")


CHOICES = """
import importlib, json, sys
for name in sys.argv[1:]:
    dag = vars(importlib.import_module(f"dags.{name}"))[f"digits.{name}"]
    print(json.dumps(dag.params.get_param("environment").schema["enum"]))
"""


def test_a_run_of_what_trains_or_compares_may_choose_where_its_jobs_run(tmp_path):
    shutil.copytree(ROOT / "include" / "projects" / "digits", tmp_path / "digits", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "digits" / "project.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\nenvironments: {allowed: [gpu]}\n", encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DEVMLOPS_PROJECTS_DIR": str(tmp_path)}
    command = [sys.executable, "-c", CHOICES, "model_development", "comparison", "reproduction", "release"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [json.loads(line) for line in done.stdout.splitlines()[-4:]] == [[None, "", "local", "gpu"]] * 4


def test_approvals_are_never_retried(dags):
    tasks = [t for t in dags["digits.release"].tasks if t.task_type == "ApprovalStepOperator"]
    assert [t.task_id for t in tasks] == ["approve_model", "approve_inference_code"]
    assert {t.retries for t in tasks} == {0}


def test_dag_files_are_wiring_only():
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 120, path


PARSE = """
import json, socket, sys
def refuse(*_, **__): raise AssertionError("the network was used while a DAG file was parsed")
socket.socket.connect = refuse
import importlib.util
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("dag_" + path.rsplit("/", 1)[1][:-3], path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
HEAVY = ("torch", "ray", "mlflow", "evidently", "onnx", "pandas", "sklearn", "lakefs", "pyarrow")
heavy = sorted(m for m in HEAVY if m in sys.modules)
print(json.dumps(heavy))
"""


def test_parsing_needs_no_network_and_nothing_heavy(airflow_db):
    files = sorted(str(p) for p in (ROOT / "dags").glob("*.py"))
    assert files
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PARSE, *files], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_a_bad_project_hides_no_other(tmp_path):
    good = ROOT / "include" / "projects" / "digits"
    (tmp_path / "digits").symlink_to(good)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "project.yaml").write_text("name: broken\ntitle: 깨진 프로젝트\n", encoding="utf-8")
    script = (
        "import importlib.util, json, sys\n"
        "def load(p):\n"
        "    s = importlib.util.spec_from_file_location('d', p)\n"
        "    m = importlib.util.module_from_spec(s)\n"
        "    s.loader.exec_module(m)\n"
        "    return m\n"
        f"m = load({str(ROOT / 'dags' / 'rollback.py')!r})\n"
        "print([k for k in vars(m) if '.' in k])\n"
        f"load({str(ROOT / 'dags' / 'projects.py')!r})\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DEVMLOPS_PROJECTS_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, timeout=120)
    assert "['digits.rollback']" in done.stdout
    assert done.returncode != 0 and "broken" in done.stderr and "domain: is missing" in done.stderr
