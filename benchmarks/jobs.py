"""What it costs to run a job elsewhere than in its task; prints JSON.

``python benchmarks/jobs.py`` runs a job that does nothing ``--runs`` times in each runtime that this machine has, one
after another in turns, and gives the median seconds from asking to the result, and what that is over ``local``. Docker
needs an engine with a Python 3.11 image, Kubernetes is the tests' server, which starts a process for each pod (so without
what a kubelet takes), and Ray is a cluster on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from include.jobs import JobFailed, job
from include.jobs.registry import JOBS, Job
from include.management import Environment
from include.projects import load_project
from include.settings import ROOT, Settings

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="benchmark-"))  # Airflow is imported later, where it is used
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
JOB = "def nothing(settings, project):\n    return {}\n"
SITE = """import sys
if "include.jobs" in sys.orig_argv:
    from include.jobs.registry import JOBS, Job
    JOBS["nothing"] = Job("nothing_job:nothing", "for this benchmark")
"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def local(site: Path, stack: ExitStack, settings: Settings) -> tuple[Environment, Settings, Any]:
    return Environment(name="local2", runtime="local", env={"PYTHONPATH": f"{ROOT}:{site}"}), settings, None


def docker(site: Path, stack: ExitStack, settings: Settings) -> tuple[Environment, Settings, Any]:
    from tests.fixtures.docker import IMAGE, box, docker_engine

    engine = docker_engine.__wrapped__()
    next(engine)
    print(f"docker: {IMAGE}", file=sys.stderr)
    return box(references={"samples": {"source": str(site)}}), settings, None


def kubernetes(site: Path, stack: ExitStack, settings: Settings) -> tuple[Environment, Settings, Any]:
    from operators.runtimes import runtimes
    from tests.fixtures.kubernetes import Cluster

    cluster = Cluster(Path(stack.enter_context(tempfile.TemporaryDirectory())))
    stack.callback(cluster.stop)
    cluster.variables["PYTHONPATH"] = f"{ROOT}:{site}"
    extra = {"kube_config_path": str(cluster.config)}
    os.environ["AIRFLOW_CONN_KUBERNETES_DEFAULT"] = json.dumps({"conn_type": "kubernetes", "extra": extra})
    task = SimpleNamespace(dag_id="d", task_id="t", try_number=1, map_index=-1, xcom_push=lambda key, value: None)
    context: Any = {"ti": task, "task_instance": task, "run_id": "r", "dag": SimpleNamespace()}
    return Environment(name="pods", runtime="kubernetes", image="devmlops:1"), settings, runtimes(context)


def ray(site: Path, stack: ExitStack, settings: Settings) -> tuple[Environment, Settings, Any]:
    from tests.fixtures.ray import RayCluster

    cluster = RayCluster(free_port)
    stack.callback(cluster.stop)
    cluster.start()
    reached = settings.model_copy(update={"ray_url": cluster.url, "ray_token": type(settings.ray_token)(cluster.token)})
    return Environment(name="cluster", runtime="ray", env={"PYTHONPATH": str(site)}), reached, None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    JOBS["nothing"] = Job("nothing_job:nothing", "for this benchmark")
    places: dict[str, Callable[..., Any]] = {"local": local, "docker": docker, "kubernetes": kubernetes, "ray": ray}
    took: dict[str, list[float]] = {}
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o755)
        site = home / "site"
        site.mkdir()
        (site / "nothing_job.py").write_text(JOB)
        (site / "sitecustomize.py").write_text(SITE)
        ready = {}
        for name, begin in places.items():
            try:
                ready[name] = begin(site, stack, Settings(home=home / "h"))
            except BaseException as problem:  # pytest's skip is no Exception
                if isinstance(problem, KeyboardInterrupt):
                    raise
                print(f"{name} is left out: {problem}", file=sys.stderr)
        for _ in range(runs):
            for name, (environment, settings, runtimes) in list(ready.items()):
                begun = time.perf_counter()
                try:
                    job(environment, "nothing", load_project("digits"), {}, settings, runtimes=runtimes).run(lambda line: None)
                except JobFailed as problem:  # what the others took is still worth having
                    print(f"{name} is left out from here: {problem}", file=sys.stderr)
                    del ready[name]
                    continue
                took.setdefault(name, []).append(time.perf_counter() - begun)
    medians = {name: statistics.median(times) for name, times in took.items()}
    rows = {
        name: {
            "median_s": round(value, 2),
            "over_local_s": round(value - medians["local"], 2) if "local" in medians else None,
            "worst_s": round(max(took[name]), 2),
        }
        for name, value in medians.items()
    }
    print(json.dumps({"runs": runs, "load": os.getloadavg(), "cores": os.cpu_count(), "runtimes": rows}, indent=1))


if __name__ == "__main__":
    main()
