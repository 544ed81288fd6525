import os
import shutil
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from include.errors import FinalError
from include.jobs import (
    JobFailed,
    JobKilled,
    JobOutOfMemory,
    JobRefused,
    JobTimeout,
    LocalJob,
    NotHere,
    SpecError,
    job,
    run_local,
)
from include.jobs import local as module
from include.management import Environment
from include.projects import load_project
from tests.fixtures.jobs import gone


@pytest.fixture(params=["spawned", "forked"])
def settings(request, settings, fork_server):
    """All that a job on this machine does, it does as a process of its own and as a fork of the fork server."""
    if request.param == "forked":
        fork_server()
    return settings


def test_lines_come_while_the_job_runs_and_the_result_at_its_end(settings):
    seen = []
    result = run_local("count", "digits", {"to": 3, "pause": 0.3}, settings, lambda line: seen.append((line, time.monotonic())))
    assert result == {"to": 3, "project": "digits", "home": str(settings.home)}
    assert [line for line, _ in seen][:3] == ["1 번째", "2 번째", "3 번째"]
    assert seen[2][1] - seen[0][1] > 0.4
    assert seen[3][0].startswith("job count done in")
    assert list((settings.home / "jobs").iterdir()) == []


def test_a_failure_is_told_in_the_jobs_own_words(settings):
    with pytest.raises(JobFailed, match="job fail failed: RuntimeError: the disk is full") as failed:
        run_local("fail", "digits", {}, settings, lambda line: None)
    assert failed.value.exit_code == 1 and not isinstance(failed.value, FinalError)
    assert any("Traceback" in line for line in failed.value.tail)


@pytest.mark.parametrize(
    ("name", "project", "args", "says"),
    [
        ("refuse", "digits", {}, r"Refused: accuracy is 0\.5"),
        ("count", "digits", {}, "args of job 'count': missing a required argument: 'to'"),
        ("count", "digits", {"to": 1, "form": 2}, "unexpected keyword argument 'form'"),
        ("count", "nobody", {"to": 1}, "no project 'nobody'; known projects: .*digits"),
    ],
)
def test_what_another_try_cannot_cure_is_final(settings, name, project, args, says):
    with pytest.raises(JobRefused, match=says) as refused:
        run_local(name, project, args, settings, lambda line: None)
    assert isinstance(refused.value, FinalError)


def test_an_unknown_job_starts_nothing(settings):
    with pytest.raises(SpecError, match="no job 'dance'; there are tune, train"):
        run_local("dance", "digits", {}, settings)
    assert not (settings.home / "jobs").exists()


@pytest.mark.parametrize(("name", "says"), [("no_dict", "gave list, not a dict"), ("not_json", "Out of range float values")])
def test_a_result_must_be_a_json_dict(settings, name, says):
    with pytest.raises(JobFailed, match=says):
        run_local(name, "digits", {}, settings, lambda line: None)


def test_a_signal_is_told_apart(settings, monkeypatch):
    with pytest.raises(JobKilled, match="killed by SIGSEGV") as killed:
        run_local("die", "digits", {"number": int(signal.SIGSEGV)}, settings, lambda line: None)
    assert killed.value.signal == signal.SIGSEGV
    with pytest.raises(JobKilled, match="SIGKILL") as killed:
        run_local("die", "digits", {"number": 9}, settings, lambda line: None)
    assert not isinstance(killed.value, JobOutOfMemory)
    counts = iter([4, 5])
    monkeypatch.setattr(module, "oom_kills", lambda: next(counts))
    with pytest.raises(JobOutOfMemory, match="give it more"):
        run_local("die", "digits", {"number": 9}, settings, lambda line: None)


def test_kill_lets_the_job_clean_up_and_may_be_called_twice(settings, tmp_path):
    job = LocalJob("sleep", "digits", {"note": str(tmp_path / "note")}, settings)

    def kill(line: str) -> None:
        if line == "sleeping":
            threading.Thread(target=job.kill).start()
            threading.Thread(target=job.kill).start()

    with pytest.raises(JobKilled, match="SIGTERM"):
        job.run(kill)
    assert (tmp_path / "note").read_text() == "cleaned up"


def test_a_job_that_does_not_listen_is_ended_by_force(settings):
    job = LocalJob("stubborn", "digits", {}, settings)
    with pytest.raises(JobKilled, match="SIGKILL"):
        job.run(lambda line: threading.Thread(target=job.kill, args=(0.3,)).start())


def test_an_exception_in_the_caller_ends_the_job_and_its_children(settings):
    children = []

    def stop(line: str) -> None:
        children.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_local("brood", "digits", {"stay": True}, settings, stop)
    assert gone(children[0])


def test_what_a_finished_job_left_behind_is_ended_and_does_not_hold_it_up(settings):
    started = time.monotonic()
    result = run_local("brood", "digits", {"stay": False}, settings, lambda line: None)
    assert time.monotonic() - started < 30
    assert gone(result["child"])


def test_the_job_ends_when_its_owner_dies(settings):
    """The owner of the pipe here is a process that is killed with no chance to say anything."""
    import subprocess
    import sys

    code = (
        "import sys; from include.jobs.local import LocalJob; from include.jobs.registry import JOBS, Job;"
        "from include.settings import Settings; JOBS['brood'] = Job('sample_jobs:brood', '');"
        "job = LocalJob('brood', 'digits', {'stay': True}, Settings());"
        "job.run(lambda line: print(line, job.process.pid, flush=True))"
    )
    env = {**os.environ, **settings.environment(), "PYTHONPATH": f"{module.ROOT}:{os.environ['PYTHONPATH']}"}
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env)
    assert owner.stdout is not None
    child, job = map(int, owner.stdout.readline().split())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert gone(job) and gone(child)


def test_secrets_reach_the_job_by_its_environment_alone(settings, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://airflow:secret@db")
    told = run_local("tell_environment", "digits", {}, settings, lambda line: None)
    assert told["source"] == "sqlite:///secret-password"
    assert not any("secret-password" in argument for argument in told["argv"])
    assert not any(name.startswith("AIRFLOW") for name in told["names"])
    assert "DEVMLOPS_SOURCE_URL" not in os.environ


def ray_processes(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or [])
        if str(folder) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info["pid"])
    return found


@pytest.mark.integration
@pytest.mark.parametrize("force", [False, True])
def test_no_process_of_ray_outlives_the_job(settings, force):
    job = LocalJob("use_ray", "digits", {}, settings)
    folders: list[Path] = []

    def end(line: str) -> None:
        if line.startswith("ray "):
            folders.append(Path(line.split()[1]))
            assert ray_processes(folders[0])
            assert job.process
            if force:
                os.kill(job.process.pid, signal.SIGKILL)
            else:
                threading.Thread(target=job.kill).start()

    with pytest.raises(JobKilled):
        job.run(end)
    until = time.monotonic() + 15
    while ray_processes(folders[0]) and time.monotonic() < until:
        time.sleep(0.2)
    assert ray_processes(folders[0]) == []
    assert folders[0].exists() == force  # a job that could clean up did; the next one sweeps the rest
    shutil.rmtree(folders[0], ignore_errors=True)


def local(settings, name, args=None, values=None, **environment):
    wanted = Environment(**{"name": "here", "runtime": "local", **environment})
    return job(wanted, name, load_project("digits"), args or {}, settings, secrets=values)


def test_a_job_that_takes_too_long_is_ended(settings):
    started = time.monotonic()
    with pytest.raises(JobTimeout, match=r"longer than the 0\.05 minutes of the environment here .* raise timeout_minutes"):
        local(settings, "sleep", {"note": os.devnull}, timeout_minutes=0.05).run(lambda line: None)
    assert time.monotonic() - started < 20
    assert local(settings, "count", {"to": 1}, timeout_minutes=5).run(lambda line: None)["to"] == 1


def test_a_job_that_takes_too_much_memory_is_ended_with_all_that_it_started(settings):
    lines: list[str] = []
    says = r"job hold ran out of memory \(200Mi in the environment here; it took \d{3} MiB\) and was killed; give it more \(mem"
    with pytest.raises(JobOutOfMemory, match=says) as ended:
        local(settings, "hold", {"megabytes": 90, "children": 2}, memory="200Mi").run(lines.append)
    assert (ended.value.limit, ended.value.exit_code) == ("200Mi", -9) and ended.value.used > 200 * 2**20
    children = [int(line) for line in lines if line.isdigit()]
    assert len(children) == 2 and all(gone(pid) for pid in children)
    assert not isinstance(ended.value, FinalError)


def test_memory_that_processes_share_counts_once(settings):
    args = {"megabytes": 80, "children": 4}
    assert local(settings, "share", args, memory="250Mi").run(lambda line: None) == {"codes": [0, 0, 0, 0]}


def test_gpus_that_this_machine_has_not_are_told_before_anything_starts(settings, monkeypatch):
    monkeypatch.setattr(module, "gpus", lambda: 1)
    with pytest.raises(NotHere, match="it asks for 2 GPUs, and this machine has 1; choose an environment"):
        local(settings, "count", {"to": 1}, gpu=2).run(lambda line: None)
    assert not (settings.home / "jobs").exists()
    assert local(settings, "count", {"to": 1}, gpu=1).run(lambda line: None)["to"] == 1


def test_the_environments_variables_reach_the_job(settings):
    references = {"weights": {"source": "/models"}}
    made = local(
        settings,
        "tell_environment",
        None,
        {"HUB": "s"},
        env={"LEVEL": "3"},
        secrets={"HUB": "connection:h"},
        cpu=2,
        references=references,
    )
    names = made.run(lambda line: None)["names"]
    assert {"LEVEL", "HUB", "DEVMLOPS_REFERENCE_WEIGHTS", "DEVMLOPS_JOB_CPUS", "OMP_NUM_THREADS"} <= set(names)
