"""The search as a job that is killed in the middle, and run again."""

import os
import signal
import threading

import pytest

from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client
from include.jobs import JobKilled, LocalJob

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
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_search_is_done_afresh_by_the_next_try(settings, split, tmp_path, monkeypatch, number):
    (tmp_path / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    args = {"split": split, "key": f"killed by {number}", "trials": 3, "epochs": 200}
    job = LocalJob("tune", "digits", args, settings)
    lines = []

    def end(line: str) -> None:
        lines.append(line)
        if "epoch 3 " in line and job.process:
            if number == signal.SIGKILL:
                os.kill(job.process.pid, number)
            else:
                threading.Thread(target=job.kill).start()

    with pytest.raises(JobKilled):
        job.run(end)
    assert any(" epoch 1 validation_accuracy " in line for line in lines)

    client = mlflow_client(settings)
    experiment_id = ensure_experiment(client, "digits/training")

    def states() -> list[str]:
        found = find_runs(client, experiment_id, {"devmlops.key": args["key"]})
        children = [run for one in found for run in find_runs(client, experiment_id, {"mlflow.parentRunId": one.info.run_id})]
        return sorted({run.info.status for run in (*found, *children)})

    assert states() == (["RUNNING"] if number == signal.SIGKILL else ["KILLED"])
    done = LocalJob("tune", "digits", {**args, "trials": 2, "epochs": 2}, settings).run(lines.append)
    assert len(done["trials"]) == 2 and done["best"]["value"] > 0.5
    assert states() == ["FINISHED", "KILLED"]
