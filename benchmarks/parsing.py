"""How long Airflow's DAG files take to parse with many projects, beside trivial ones, in one run; prints JSON.

``python benchmarks/parsing.py`` writes ``--projects`` projects of all kinds with the scaffold into a temporary folder.
Each file of dags/ is then parsed in a process of its own in which Airflow's modules have been imported and frozen before,
as the DAG processor does, and beside it a file that makes as many trivial DAGs of one task. Of ``--repeats`` runs the
fastest counts.

* ``cpu``: processor seconds of one file, all that it imports of the product included; the goal is 0.3. ``seconds`` is the
  same by the clock, which also counts what else the machine does.
* ``ahead``: the same where the product's modules were loaded before, as the product's DAG processor and executor do
  (`plugins.console.preload`): what a file costs there each time that it is read, and each task before it works.
* ``trivial``, ``ratio``: of the trivial file with the same number of DAGs, and ``ahead`` by that.
* ``project_ms``: reading and checking one project.yaml, in a process that has read others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

GOAL_S = 0.3
TRIVIAL = """
from airflow.sdk import DAG, task
for number in range({count}):
    with DAG(f"trivial{{number}}", schedule=None) as dag:
        @task
        def one() -> None: ...
        one()
    globals()[dag.dag_id] = dag
"""
PARSE = """
import gc, importlib.util, json, sys, time
import airflow.sdk
from airflow.sdk import DAG, Asset, BaseOperator, BaseSensorOperator, Param, task  # imported when they are first asked for
from airflow.providers.standard.operators import hitl, trigger_dagrun
from airflow.triggers import base
if sys.argv[2:] == ["ahead"]:
    from pathlib import Path
    from plugins.console.preload import preload
    preload(Path(sys.argv[1]).parent)
gc.freeze()  # the DAG processor does so before it forks
def parse(path):
    spec = importlib.util.spec_from_file_location("parsed_" + str(abs(hash(path))), path)
    module = importlib.util.module_from_spec(spec)
    begin, work = time.perf_counter(), time.process_time()
    try:
        spec.loader.exec_module(module)
    except airflow.sdk.exceptions.AirflowException:
        raise SystemExit("a project is wrong")
    found = {one.dag_id for one in vars(module).values() if isinstance(one, DAG)}
    return time.perf_counter() - begin, time.process_time() - work, len(found)
print(json.dumps(parse(sys.argv[1])))
"""
ONE = """
import json, sys, time
from pathlib import Path
from include.projects import list_projects, load_project
folder = Path(sys.argv[1])
times = []
for name in list_projects(folder):
    begin = time.perf_counter()
    load_project(name, folder)
    times.append(time.perf_counter() - begin)
print(json.dumps(times))
"""


def run(script: str, projects: Path, *arguments: object) -> Any:
    """Run a script in a process of its own and return what it prints."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "DEVMLOPS_PROJECTS_DIR": str(projects), "AIRFLOW_HOME": home}
        env |= {"AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        raise SystemExit(f"{arguments}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(path: Path, projects: Path, repeats: int, *how: str) -> tuple[float, float, int]:
    """Return seconds and processor seconds of a parse, and how many DAGs the file has."""
    found = [run(PARSE, projects, path, *how) for _ in range(repeats)]
    seconds, cpu, count = (min(column) for column in zip(*found, strict=True))
    return seconds, cpu, int(count)


def main() -> None:
    from include.scaffold import KINDS, new_project

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        projects = Path(root, "projects")
        for number in range(options.projects):
            new_project(f"bench_{number:02d}", list(KINDS)[number % len(KINDS)], title=f"프로젝트 {number}", into=projects)
        times = [run(ONE, projects, projects) for _ in range(options.repeats)]
        files = {}
        trivial: dict[int, float] = {}
        for path in sorted((ROOT / "dags").glob("*.py")):
            seconds, cpu, count = measure(path, projects, options.repeats)
            ahead = measure(path, projects, options.repeats, "ahead")[1]
            if count not in trivial:
                beside = Path(root, f"trivial_{count}.py")
                beside.write_text(TRIVIAL.format(count=count))
                trivial[count] = measure(beside, projects, options.repeats)[1]
            files[path.stem] = {
                "seconds": round(seconds, 3),
                "cpu": round(cpu, 3),
                "ahead": round(ahead, 3),
                "dags": count,
                "trivial": round(trivial[count], 3),
                "ratio": round(ahead / trivial[count], 1) if count else None,
            }
            print(json.dumps({path.stem: files[path.stem]}), file=sys.stderr, flush=True)
    slow = sorted(name for name, one in files.items() if one["cpu"] > GOAL_S)
    best = [min(one) for one in zip(*times, strict=True)]
    told = {"first": round(best[0] * 1000, 2), "mean": round(sum(best[1:]) / max(len(best) - 1, 1) * 1000, 2)}
    print(json.dumps({"projects": options.projects, "project_ms": told, "files": files, "beyond_goal": slow}, indent=1))


if __name__ == "__main__":
    main()
