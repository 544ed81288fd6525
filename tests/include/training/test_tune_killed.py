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


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, "raylet"])
def test_a_killed_search_goes_on_and_repeats_nothing_that_was_done(settings, split, tmp_path, monkeypatch, number):
    (tmp_path / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    args = {"split": split, "key": f"killed by {number}", "trials": 4, "epochs": 30}
    job = LocalJob("tune", "digits", args, settings)
    lines, ended, seen = [], [], []

    def end(line: str) -> None:
        lines.append(line)
        if "finished after" in line or "stopped early after" in line:
            ended.append(line)
        if len(ended) >= 2 and "epoch" in line and job.process:
            if isinstance(number, str):  # once: what has its name is gone then
                seen.extend(family(job.process.pid))
                ended.clear()
                os.kill(next(pid for pid in seen if psutil.Process(pid).name() == number), signal.SIGKILL)
            elif number == signal.SIGKILL:
                os.kill(job.process.pid, number)
            else:
                threading.Thread(target=job.kill).start()

    says = rf"RayError: Ray's .*\({number}\) ended in the middle" if isinstance(number, str) else "was killed by"
    with pytest.raises(JobFailed, match=says) as failed:
        job.run(end)
    assert isinstance(failed.value, JobKilled) != isinstance(number, str)
    assert psutil.wait_procs([psutil.Process(pid) for pid in seen if psutil.pid_exists(pid)], timeout=30)[1] == []
    assert any(" epoch 1 validation_accuracy " in line for line in lines)

    client = mlflow_client(settings)
    experiment_id = ensure_experiment(client, "digits/training")

    def finished():
        (parent,) = find_runs(client, experiment_id, {"devmlops.key": args["key"]})
        children = find_runs(client, experiment_id, {"mlflow.parentRunId": parent.info.run_id})
        return [run for run in children if run.info.status == "FINISHED"]

    def states() -> list[str]:
        found = find_runs(client, experiment_id, {"devmlops.key": args["key"]})
        children = [run for one in found for run in find_runs(client, experiment_id, {"mlflow.parentRunId": one.info.run_id})]
        return sorted({run.info.status for run in (*found, *children)})

    assert ("RUNNING" if number == signal.SIGKILL else "KILLED") in states()
    before = {run.info.run_id for run in finished()}
    assert len(before) >= 1
    again: list[str] = []
    done = LocalJob("tune", "digits", args, settings).run(again.append)
    assert any("search goes on" in line for line in again)
    assert len(done["trials"]) == 4 and before <= {row["run_id"] for row in done["trials"]}
    assert len({str(row["params"]) for row in done["trials"]}) == 4
    assert len(finished()) == 4 and "RUNNING" not in states()
    assert len(find_runs(client, experiment_id, {"devmlops.key": args["key"]})) == 1
