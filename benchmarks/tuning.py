"""Trials per hour through the product's tuning job against plain Ray Tune, side by side; prints JSON.

``python benchmarks/tuning.py`` runs ``--trials`` trials on ``--workers`` workers, each ten steps of ``--step`` seconds that
do nothing but wait, so that what is measured is the search around them. *job* is ``python -m include.jobs tune``: its own
process and Ray, every trial and every step a record in a real MLflow server, plots at the end. *plain* is a script with
``ray.tune.Tuner`` alone, in two ways: with Ray's default, and with ``reuse_actors`` as the product sets it. All are timed from
the start of their process to its end, one after another in turns, and the job is compared with the faster plain way.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml

from include.jobs import LocalJob
from include.settings import ROOT, Settings
from tests.fixtures.mlflow import MlflowServer

STEPS = 10
MODEL = """import time

from include.training.learners import Fitted, Learner


class Waits(Learner):
    def fit(self, project, params, parts, seed, epochs, on_epoch=None, initial=None):
        for epoch in range(1, epochs + 1):
            time.sleep({step})
            measured = dict.fromkeys(("train_loss", "validation_loss"), params["x"])
            on_epoch({{"epoch": epoch, **measured, "validation_accuracy": params["x"], "validation_macro_f1": params["x"]}})

    def load(self, project, params, files):
        raise NotImplementedError


def build(params):
    return Waits()
"""
# Ray's workers are Pythons of their own, so the project is made known wherever one of ours starts.
SITE = """import sys
if "include.jobs" in sys.orig_argv or any("default_worker" in word for word in sys.orig_argv):
    import include.projects
    include.projects.__path__.insert(0, {folder!r})
if "include.jobs" in sys.orig_argv:
    import include.training.parts as parts

    def load(settings, project, split, names):
        import numpy as np
        from include.training.parts import Arrays

        return {{name: Arrays(np.zeros((8, 4)), np.zeros((8, 4), np.float32), np.zeros(8, np.int64), []) for name in names}}

    parts.load = load
"""
PLAIN = """import sys, time
import ray
from ray import tune

def train(config):
    for epoch in range(1, {steps} + 1):
        time.sleep({step})
        tune.report({{"epoch": epoch, "validation_accuracy": config["x"], "validation_loss": config["x"]}})

ray.init(address="local", num_cpus={workers}, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
config = tune.TuneConfig(
    metric="validation_accuracy", mode="max", num_samples={trials}, max_concurrent_trials={workers},
    reuse_actors=sys.argv[1] == "True",
)
tuner = tune.Tuner(
    tune.with_resources(train, {{"cpu": 1}}), param_space={{"x": tune.uniform(0, 1)}}, tune_config=config,
    run_config=tune.RunConfig(name="plain", storage_path={folder!r}, verbose=0),
)
found = tuner.fit()
assert len(found) == {trials} and not found.errors
ray.shutdown()
"""
SPLIT = {
    "repository": "waits-dev",
    "zone": "dev",
    "version": "v1",
    "commit": "c" * 40,
    "split_path": "s.json",
    "split_digest": "sha256:0",
}


def project(folder: Path, step: float) -> None:
    """Write a project whose model waits."""
    target = folder / "waits"
    shutil.copytree(ROOT / "include" / "projects" / "digits", target, ignore=shutil.ignore_patterns("__pycache__"))
    raw = yaml.safe_load((target / "project.yaml").read_text(encoding="utf-8"))
    raw["name"] = "waits"
    raw["training"]["tuning"] = {"search": "random", "early_stopping": False, "space": {"x": {"low": 0.0, "high": 1.0}}}
    (target / "project.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    (target / "model.py").write_text(MODEL.format(step=step), encoding="utf-8")


def by_job(folder: Path, mlflow: str, trials: int, workers: int, turn: int) -> float:
    raw = yaml.safe_load((folder / "waits" / "project.yaml").read_text(encoding="utf-8"))
    raw["training"]["tuning"]["workers"] = workers
    (folder / "waits" / "project.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    settings = Settings(home=folder / "home", projects_dir=folder, mlflow_url=mlflow)
    begun = time.perf_counter()
    args = {"split": SPLIT, "trials": trials, "epochs": STEPS, "key": f"turn {turn}"}
    done = LocalJob("tune", "waits", args, settings).run(lambda line: print(f"  {line}", file=sys.stderr))
    took = time.perf_counter() - begun
    assert [row["epochs"] for row in done["trials"]] == [STEPS] * trials, done
    return took


def by_ray(folder: Path, reuse: bool) -> float:
    begun = time.perf_counter()
    env = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AIR_NEW_OUTPUT": "0"}
    done = subprocess.run(
        [sys.executable, str(folder / "plain.py"), str(reuse)], env=env, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return time.perf_counter() - begun


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--step", type=float, default=1.0, help="seconds of a step; a trial has ten")
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    took: dict[str, list[float]] = {"plain": [], "plain_reusing_actors": [], "job": []}
    folder = Path(tempfile.mkdtemp(prefix="bench-tuning-"))
    (folder / "mlflow").mkdir()
    server = MlflowServer(folder / "mlflow", free_port())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        server.start()
        project(folder, asked.step)
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(SITE.format(folder=str(folder)), encoding="utf-8")
        fields = {
            "steps": STEPS,
            "step": asked.step,
            "workers": asked.workers,
            "trials": asked.trials,
            "folder": str(folder / "ray"),
        }
        (folder / "plain.py").write_text(PLAIN.format(**fields), encoding="utf-8")
        for turn in range(asked.rounds):
            took["plain"].append(by_ray(folder, False))
            took["plain_reusing_actors"].append(by_ray(folder, True))
            os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{folder / 'site'}"
            took["job"].append(by_job(folder, server.url, asked.trials, asked.workers, turn))
            del os.environ["PYTHONPATH"]
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    seconds = {name: statistics.median(times) for name, times in took.items()}
    ideal = asked.trials / asked.workers * STEPS * asked.step
    report = {
        "trials": asked.trials,
        "workers": asked.workers,
        "seconds_of_a_trial": STEPS * asked.step,
        "ideal_s": ideal,
        "load_average": os.getloadavg()[0],
        "ways": {
            name: {
                "seconds": round(value, 1),
                "trials_per_hour": round(3600 * asked.trials / value),
                "over_ideal_s": round(value - ideal, 1),
            }
            for name, value in seconds.items()
        },
        "job_against_faster_plain": round(seconds["job"] / min(seconds["plain"], seconds["plain_reusing_actors"]), 3),
        "job_against_plain": round(seconds["job"] / seconds["plain"], 3),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
