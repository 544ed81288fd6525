"""Whether a model comes back from its record alone, and what that costs; prints JSON.

``python benchmarks/reproduction.py`` starts a data server and MLflow of its own, makes a data version of digits, and trains
and evaluates a model of it by the jobs ``train`` and ``evaluate``. Then the project's folder is changed: another seed,
another number of epochs, and a model component that raises. The job ``reproduce`` gets the run's id alone, makes the model
again and compares every metric of every epoch and of the test part. Each job is a process of its own, timed from its start
to its end. The record holds where no metric differs on the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from include import data
from include.jobs import LocalJob
from include.ledger import Ledger
from include.projects import Project, load_project
from include.settings import Settings
from tests.fixtures.data_server import DataServer
from tests.fixtures.mlflow import MlflowServer

PARAMS = {"learning_rate": 0.003, "channels": 16, "hidden": 64, "dropout": 0.1, "batch_size": 32}
TODAY = "raise RuntimeError('this code is not that of the record')\n"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def copy_of_digits(folder: Path) -> Project:
    """Write digits into a folder of its own, where it may be changed, and read it."""
    shutil.rmtree(folder / "digits", ignore_errors=True)
    shutil.copytree(load_project("digits").folder, folder / "digits", ignore=shutil.ignore_patterns("__pycache__"))
    return load_project("digits", folder)


def change(project: Project) -> None:
    """Make the project's folder another one than the record's."""
    path = project.folder / "project.yaml"
    text = path.read_text(encoding="utf-8")
    other = text.replace("  epochs: 25\n", "  epochs: 2\n").replace("  seed: 7\n", "  seed: 8\n")
    assert other.count("  epochs: 2\n") == other.count("  seed: 8\n") == 1, (
        "digits has other settings than this benchmark changes"
    )
    path.write_text(other, encoding="utf-8")
    (project.folder / "model.py").write_text(TODAY, encoding="utf-8")


def version(settings: Settings, project: Project, rows: int) -> dict[str, Any]:
    """Make a data version of the first rows, and return its split."""
    project.component("source")(settings.source_url.get_secret_value(), rows=rows)
    found = data.collect_round(settings, project, "dev", "benchmark", "benchmark")
    data.check_round(settings, project, found)
    merged = data.merge_round(settings, project, found)
    made = data.tag_version(settings, project, merged, "benchmark", "benchmark")
    return data.make_split(settings, project, made)


def timed(took: dict[str, list[float]], name: str, args: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Run a job as a process of its own, and return its result."""
    begun = time.perf_counter()
    made = LocalJob(name, "digits", args, settings).run(lambda line: print(f"  {line}", file=sys.stderr))
    took.setdefault(name, []).append(time.perf_counter() - begun)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1400)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="bench-reproduction-"))
    (folder / "mlflow").mkdir()
    mlflow, server = MlflowServer(folder / "mlflow", free_port()), None
    took: dict[str, list[float]] = {}
    reports: list[dict[str, Any]] = []
    try:
        mlflow.start()
        server = DataServer(folder / "data-server", free_port())
        settings = Settings(
            home=folder / "home",
            projects_dir=folder / "projects",
            mlflow_url=mlflow.url,
            data_dev_url=server.url,
            data_dev_access_key=server.dev[0],
            data_dev_secret_key=server.dev[1],
            source_url=f"sqlite:///{folder / 'source.db'}",
        )
        settings.home.mkdir()
        Ledger(settings.ledger()).migrate()
        split = version(settings, copy_of_digits(folder / "projects"), asked.rows)
        for _ in range(asked.rounds):
            project = copy_of_digits(folder / "projects")
            trained = timed(took, "train", {"split": split, "params": PARAMS, "epochs": asked.epochs}, settings)
            timed(took, "evaluate", {"split": split, "run_id": trained["run_id"]}, settings)
            change(project)
            reports.append(timed(took, "reproduce", {"run_id": trained["run_id"]}, settings))
    finally:
        if server is not None:
            server.stop()
        mlflow.stop()
        shutil.rmtree(folder, ignore_errors=True)
    seconds = {name: statistics.median(times) for name, times in took.items()}
    report = {
        "rows": asked.rows,
        "epochs": asked.epochs,
        "rounds": asked.rounds,
        "load_average": os.getloadavg()[0],
        "identical": all(one["identical"] for one in reports),
        "differing_metrics": sorted({name for one in reports for name in one["differing"]}),
        "compared_metrics": sorted({name for one in reports for name in one["metrics"]}),
        "differs": sorted({line for one in reports for line in one["differs"]}),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "reproduce_against_original": round(seconds["reproduce"] / (seconds["train"] + seconds["evaluate"]), 2),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
