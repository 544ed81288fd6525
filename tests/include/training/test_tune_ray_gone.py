"""The search when its Ray goes away in the middle."""

import os
import signal
import sys
import time

import psutil
import pytest

sys.path.insert(0, "/tmp/j6")
import memory

from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client
from include.jobs import JobFailed, LocalJob
from tests.include.training.test_tune_killed import SITE


@pytest.mark.parametrize("victim", ["raylet", "gcs_server"])
def test_gone(settings, split, tmp_path, monkeypatch, victim):
    (tmp_path / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    args = {"split": split, "key": f"gone {victim}", "trials": 4, "epochs": 30}
    job = LocalJob("tune", "digits", args, settings)
    lines, ended, killed, seen = [], [], [], []

    def end(line: str) -> None:
        lines.append(line)
        print(f"{time.monotonic():.1f} {line}")
        if "finished after" in line or "stopped early after" in line:
            ended.append(line)
        if len(ended) >= 1 and "epoch" in line and job.process and not killed:
            seen.extend(memory.family(job.process.pid))
            for pid in seen:
                if victim in psutil.Process(pid).name():
                    os.kill(pid, signal.SIGKILL)
                    killed.append(time.monotonic())

    try:
        job.run(end)
    except JobFailed as e:
        print("ERROR", type(e), e)
    print("took", time.monotonic() - killed[0])
    time.sleep(2)
    for pid in seen:
        if psutil.pid_exists(pid): print("LEFT", psutil.Process(pid).cmdline(), psutil.Process(pid).status())
    client = mlflow_client(settings)
    for run in find_runs(client, ensure_experiment(client, "digits/training"), {"devmlops.key": args["key"]}):
        print(run.info.run_id, run.info.status, run.data.tags.get("devmlops.kind"))
        for c in find_runs(client, ensure_experiment(client, "digits/training"), {"mlflow.parentRunId": run.info.run_id}):
            print("  ", c.info.run_id, c.info.status, c.data.tags.get("devmlops.state"))
    again = []
    t = time.monotonic()
    done = LocalJob("tune", "digits", args, settings).run(again.append)
    print("again", time.monotonic() - t, [l for l in again if "goes on" in l], [(r["run_id"], r["state"]) for r in done["trials"]])
    assert 0
