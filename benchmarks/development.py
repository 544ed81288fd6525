"""Wall time of the DAG model_development on the real platform against the same steps in one plain script; prints JSON.

``python benchmarks/development.py`` starts a platform of its own (Airflow, data server, MLflow), makes a data version of
digits, and then, in turns, runs the DAG and a script that calls the same functions of ``include`` one after another in one
process. The DAG's overhead is what Airflow and a process for each heavy task cost: it is told for each task as what the
task took over its step, and between the tasks as what the scheduler took. Both search ``--trials`` trials, nothing is taken
over from one to the other, and the script's own start (its imports) is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from include.projects import load_project
from include.settings import ROOT, Settings
from tests.fixtures.platform import RunningPlatform, new_platform, remove

DAG = "digits.model_development"
SCRIPT = """import json, sys, time
begun = time.perf_counter()
from include import data, training
from include.projects import load_project
from include.settings import Settings
from include.training.code_checks import check_code
from include.training.model_tests import test_model
settings, project, trials, key, quiet = Settings(), load_project("digits"), int(sys.argv[1]), sys.argv[2], lambda line: None
took = {"start of the script": time.perf_counter() - begun}
def step(name, work):
    begun = time.perf_counter()
    made = work()
    took[name] = time.perf_counter() - begun
    return made
split = step("choose_split", lambda: data.make_split(settings, project, data.latest_version(settings, project, "dev")))
step("static_checks", lambda: check_code(settings, project, split, key=key, tell=quiet))
tuned = step("tune", lambda: training.tune(settings, project, split, key=key, trials=trials, tell=quiet))
trained = step("train", lambda: training.train(
    settings, project, split, tuned["best"]["params"], tuned["parent_run_id"], key=key, tell=quiet))
step("evaluate", lambda: training.evaluate(settings, project, split, trained["run_id"]))
model = step("register_model", lambda: training.register(settings, project, trained["run_id"], "benchmark"))
step("test_model", lambda: test_model(settings, project, split, trained["run_id"], quiet))
step("confirm_model", lambda: training.confirm(settings, project, model["version"], "benchmark"))
print(json.dumps(took))
"""


def forget_checks(settings: Settings) -> None:
    """Remove the outcome of the code checks, which would be taken over otherwise."""
    from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client

    client = mlflow_client(settings)
    for run in find_runs(client, ensure_experiment(client, "digits/training"), {"devmlops.kind": "code_checks"}):
        client.delete_run(run.info.run_id)


def by_dag(running: RunningPlatform, trials: int, turn: int) -> tuple[float, dict[str, float]]:
    """Return the run's wall time from its start to its end, and the time of each task."""
    forget_checks(running.settings)
    run_id = running.trigger(DAG, {"trials": trials}, "developer", f"benchmark-{turn}")
    state = running.wait_for_run(DAG, run_id, timeout_s=1800)
    path = f"/dags/{DAG}/dagRuns/{run_id}"
    tasks = running.call("viewer", "GET", f"{path}/taskInstances").json()["task_instances"]
    assert state == "success", [(one["task_id"], one["state"]) for one in tasks]
    run = running.call("viewer", "GET", path).json()
    return seconds(run), {one["task_id"]: seconds(one) for one in tasks}


def seconds(row: dict[str, Any]) -> float:
    return (datetime.fromisoformat(row["end_date"]) - datetime.fromisoformat(row["start_date"])).total_seconds()


def by_script(settings: Settings, trials: int, turn: int) -> dict[str, float]:
    """Return the time of each step of the script."""
    forget_checks(settings)
    env = {**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, str(trials), f"script {turn}"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    made = new_platform()
    walls: list[float] = []
    tasks: dict[str, list[float]] = {}
    steps: dict[str, list[float]] = {}
    try:
        made.up(timeout_s=600)
        running = RunningPlatform(made)
        for dag in (DAG, "digits.data_preparation"):
            running.wait_for_dag(dag, 300)
        load_project("digits").component("source")(running.settings.source_url.get_secret_value(), rows=1400)
        run_id = running.trigger("digits.data_preparation", {}, "developer")
        assert running.wait_for_run("digits.data_preparation", run_id, timeout_s=900) == "success"
        for turn in range(asked.rounds):
            begun = time.perf_counter()
            wall, found = by_dag(running, asked.trials, turn)
            print(f"DAG {wall:.1f} s ({time.perf_counter() - begun:.1f} s seen from outside)", file=sys.stderr)
            walls.append(wall)
            for name, value in found.items():
                tasks.setdefault(name, []).append(value)
            for name, value in by_script(running.settings, asked.trials, turn).items():
                steps.setdefault(name, []).append(value)
    finally:
        remove(made)
    task = {name: statistics.median(times) for name, times in tasks.items()}
    step = {name: statistics.median(times) for name, times in steps.items()}
    start = step.pop("start of the script")
    wall, plain = statistics.median(walls), sum(step.values())
    rows = {
        name: {"task_s": round(task[name], 1), "step_s": round(value, 1), "over_s": round(task[name] - value, 1)}
        for name, value in step.items()
    }
    report = {
        "trials": asked.trials,
        "load_average": os.getloadavg()[0],
        "dag_s": round(wall, 1),
        "script_s": round(plain, 1),
        "start_of_the_script_s": round(start, 1),
        "ratio": round(wall / plain, 2),
        "overhead_per_task_s": round((wall - plain) / len(rows), 1),
        "of_it_in_tasks_s": round(sum(row["over_s"] for row in rows.values()) / len(rows), 1),
        "tasks": rows,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
