"""The search as a job that is killed in the middle, or whose Ray is, and run again."""

import os
import signal
import threading

import psutil
import pytest

from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client
from include.jobs import JobFailed, JobKilled, LocalJob
from include.jobs.memory import family

SITE = """
import sys
if "include.jobs" in sys.orig_argv:
    import include.training.parts as parts

    def load(settings, project, split, names):
        import numpy as np
        from sklearn.datasets import load_digits

        found = load_digits()
        rows = {"train": slice(0, 700), "validation": slice(700, 900)}
        return {n: parts.prepare(project, found.images[rows[n]].astype(np.uint8), found.target[rows[n]]) for n in names}

    parts.load = load
"""


KILLS = (signal.SIGTERM, signal.SIGKILL, "raylet")


class Killed:
    """One try of the search that is ended in the middle: as a job by a signal, or by the end of one of Ray's processes."""

    def __init__(self, args, settings, number) -> None:
        self.job, self.number = LocalJob("tune", "digits", args, settings), number
        self.lines: list[str] = []
        self.ended: list[str] = []
        self.seen: list[int] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if "finished after" in line or "stopped early after" in line:
            self.ended.append(line)
        if self.ended and "epoch" in line and line not in self.ended and self.job.process and not self.seen:
            self.seen = [self.job.process.pid, *family(self.job.process.pid)]
            if isinstance(self.number, str):
                os.kill(next(pid for pid in self.seen if psutil.Process(pid).name() == self.number), signal.SIGKILL)
            elif self.number == signal.SIGKILL:
                os.kill(self.job.process.pid, self.number)
            else:
                threading.Thread(target=self.job.kill).start()

    def run(self) -> None:
        of_ray = isinstance(self.number, str)
        says = rf"RayError: Ray's .*\({self.number}\) ended in the middle" if of_ray else "was killed by"
        with pytest.raises(JobFailed, match=says) as failed:
            self.job.run(self)
        assert isinstance(failed.value, JobKilled) != of_ray
        assert psutil.wait_procs([psutil.Process(pid) for pid in self.seen if psutil.pid_exists(pid)], timeout=30)[1] == []
        assert any(" epoch 1 validation_accuracy " in line for line in self.lines)


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_a_killed_search_goes_on_and_repeats_nothing_that_was_done(settings, split, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    args = {"split": split, "key": "killed again and again", "trials": 8, "epochs": 30}
    client = mlflow_client(settings)
    experiment_id = ensure_experiment(client, "digits/training")

    def runs():
        (parent,) = find_runs(client, experiment_id, {"devmlops.key": args["key"]})
        return parent, find_runs(client, experiment_id, {"mlflow.parentRunId": parent.info.run_id})

    before: set[str] = set()
    for number in KILLS:
        tried = Killed(args, settings, number)
        tried.run()
        assert any("search goes on" in line for line in tried.lines) == bool(before)
        parent, children = runs()
        states = {run.info.status for run in (parent, *children)}
        assert ("RUNNING" if number == signal.SIGKILL else "KILLED") in states, number
        finished = {run.info.run_id for run in children if run.info.status == "FINISHED"}
        assert before < finished, "what was done is kept, and each try does more"
        before = finished
    lines: list[str] = []
    done = LocalJob("tune", "digits", args, settings).run(lines.append)
    assert any("search goes on" in line for line in lines)
    assert len(done["trials"]) == 8 and before <= {row["run_id"] for row in done["trials"]}
    assert len({str(row["params"]) for row in done["trials"]}) == 8
    parent, children = runs()
    assert sum(run.info.status == "FINISHED" for run in children) == 8
    assert "RUNNING" not in {run.info.status for run in (parent, *children)}
