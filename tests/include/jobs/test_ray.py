"""Jobs on a real Ray cluster whose GPUs are numbers alone, through its job server."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from include.clients.ray import RayError
from include.clients.ray_jobs import job_client
from include.errors import FinalError
from include.jobs import JobFailed, JobKilled, JobLost, JobRefused, JobTimeout, JobUnplaced, NotHere, job
from include.jobs.output import Output
from include.jobs.ray import RayJob
from include.jobs.submission import MARK, submission
from include.management import Environment
from include.projects import load_project
from include.settings import Settings
from tests.fixtures.kubernetes import wait_for


@pytest.fixture
def cluster_settings(settings: Settings, ray_cluster: Any) -> Settings:
    return settings.model_copy(update={"ray_url": ray_cluster.url, "ray_token": type(settings.source_url)(ray_cluster.token)})


@pytest.fixture
def start(cluster_settings: Settings, sample_jobs: Path) -> Any:
    """Return a function that makes a job on the cluster, and see that none is left running."""

    def make(name: str, args: dict[str, Any] | None = None, key: str | None = None, **environment: Any) -> RayJob:
        env = {"PYTHONPATH": str(sample_jobs), "RAY_JOB_STOP_WAIT_TIME_S": "1", **environment.pop("env", {})}
        wanted = Environment(**{"name": "cluster", "runtime": "ray", "env": env, **environment})
        made = job(wanted, name, load_project("digits"), args or {}, cluster_settings, key=key)
        assert isinstance(made, RayJob)
        return made

    yield make
    client = job_client(cluster_settings)
    wait_for(lambda: not any(one.status.value == "RUNNING" for one in client.list_jobs()))


def in_background(made: RayJob, lines: list[str]) -> tuple[threading.Thread, list[Any]]:
    ends: list[Any] = []

    def run() -> None:
        try:
            ends.append(made.run(lines.append))
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, ends


@pytest.mark.integration
def test_lines_come_while_it_runs_and_the_result_at_its_end(start):
    seen: list[tuple[str, float]] = []
    result = start("count", {"to": 3, "pause": 1.5}).run(lambda line: seen.append((line, time.monotonic())))
    assert result["to"] == 3
    own = [(line, at) for line, at in seen if "번째" in line]
    assert [line for line, _ in own] == ["1 번째", "2 번째", "3 번째"]
    assert own[2][1] - own[0][1] > 1
    assert not any("devmlops-result" in line for line, _ in seen if not line.startswith("Running entrypoint"))


@pytest.mark.integration
def test_credentials_reach_the_job_and_nobody_else(start, cluster_settings):
    made = start("tell_environment")
    told = made.run(lambda line: None)
    assert told["source"] == "sqlite:///secret-password"
    info = job_client(cluster_settings).get_job_info(made.submission_id)
    assert "secret-password" not in str(info) and cluster_settings.ray_token.get_secret_value() not in str(info)
    assert info.metadata["devmlops.io/project"] == "digits" and info.metadata["devmlops.io/title"] == "Handwritten digits"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "args", "environment", "error", "says"),
    [
        ("fail", {}, {}, JobFailed, "job fail failed: RuntimeError: the disk is full"),
        ("refuse", {}, {}, JobRefused, r"Refused: accuracy is 0\.5"),
        ("count", {"form": 1}, {}, JobRefused, "missing a required argument: 'to'"),
        ("die", {"number": 11}, {}, JobKilled, "killed by SIGSEGV"),
        ("stubborn", {}, {"timeout_minutes": 0.04}, JobTimeout, r"longer than the 0\.04 minutes"),
        (
            "count",
            {"to": 1},
            {"gpu": 3, "start_minutes": 0.03},
            JobUnplaced,
            "had 1 CPU, 3 GPU free for 0.03 minutes; its nodes have 2 CPU, 2 GPU, 1 fast; wait",
        ),
        ("count", {"to": 1}, {"queue": "slow", "start_minutes": 0.03}, JobUnplaced, "wait for a free place"),
    ],
)
def test_ends_are_told_apart(start, name, args, environment, error, says):
    with pytest.raises(error, match=says) as failed:
        start(name, args, **environment).run(lambda line: None)
    assert type(failed.value) is error
    assert isinstance(failed.value, FinalError) == (error is JobRefused)


@pytest.mark.integration
def test_a_job_that_waited_in_vain_never_runs(start, cluster_settings):
    """Ray cannot take a waiting job back: it is told to stop, and is over before it begins."""
    busy = start("stubborn", gpu=2)
    thread, _ = in_background(busy, lines := [])
    wait_for(lambda: "deaf" in lines, within=60)
    waits = start("count", {"to": 3, "pause": 1}, gpu=1, start_minutes=0.03, key="waits")
    with pytest.raises(JobUnplaced):
        waits.run(lambda line: None)
    again = start("count", {"to": 3, "pause": 1}, gpu=1, start_minutes=0.03, key="waits")
    with pytest.raises(JobUnplaced):
        again.run(lambda line: None)
    assert again.submission_id != waits.submission_id
    busy.kill()
    thread.join(60)
    client = job_client(cluster_settings)
    for made in (waits, again):
        wait_for(lambda made=made: client.get_job_status(made.submission_id).value == "STOPPED", within=60)
        assert "번째" not in client.get_job_logs(made.submission_id)


@pytest.mark.integration
def test_gpus_and_queues_of_the_cluster_are_taken(start):
    assert start("count", {"to": 1}, gpu=0.5, queue="fast", memory="200Mi").run(lambda line: None)["to"] == 1


@pytest.mark.integration
def test_a_job_that_spreads_uses_the_cluster_that_it_runs_on(start, ray_cluster):
    told = start("where").run(lambda line: None)
    assert told["address"] == f"127.0.0.1:{ray_cluster.gcs}" and told["gpus"] == 2
    assert not Path(told["folder"]).exists()


@pytest.mark.integration
def test_killing_stops_the_job_and_its_processes_and_may_be_done_twice(start, tmp_path):
    made = start("brood", {"stay": True})
    lines: list[str] = []
    thread, ends = in_background(made, lines)
    child = int(wait_for(lambda: next((line for line in lines if line.isdigit()), None), within=60))
    made.kill()
    made.kill()
    thread.join(60)
    assert isinstance(ends[0], JobKilled)
    wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


@pytest.mark.integration
def test_a_retry_goes_on_with_the_job_that_still_runs(start, cluster_settings):
    first: list[str] = []
    thread, _ = in_background(start("count", {"to": 10, "pause": 0.5}, key="k"), first)
    wait_for(lambda: any("번째" in line for line in first), within=60)
    lines: list[str] = []
    again = start("count", {"to": 10, "pause": 0.5}, key="k")
    assert again.run(lines.append)["to"] == 10
    assert "of an earlier try" in lines[0] and sum("번째" in line for line in lines) == 10
    thread.join(30)
    mine = [one for one in job_client(cluster_settings).list_jobs() if one.metadata.get(MARK) == again.request.id]
    assert len(mine) == 1
    for _ in range(2):  # an id of Ray is used once, and so are the settings that come with a job
        assert start("count", {"to": 1}, key="k").run(lambda line: None)["to"] == 1


@pytest.mark.integration
def test_two_retries_at_once_submit_one_job(start, cluster_settings):
    tries = [start("count", {"to": 5, "pause": 0.5}, key="both") for _ in range(2)]
    running = [in_background(made, []) for made in tries]
    for thread, _ in running:
        thread.join(90)
    assert [ends[0]["to"] for _, ends in running] == [5, 5]
    mine = [one for one in job_client(cluster_settings).list_jobs() if one.metadata.get(MARK) == tries[0].request.id]
    assert len(mine) == 1


@pytest.mark.integration
def test_a_job_that_was_asked_for_otherwise_takes_the_place_of_the_old_one(start):
    thread, ends = in_background(start("stubborn", key="other"), lines := [])
    wait_for(lambda: "deaf" in lines, within=60)
    with pytest.raises(JobTimeout):
        start("stubborn", key="other", timeout_minutes=0.04).run(lambda line: None)
    thread.join(60)
    assert isinstance(ends[0], JobKilled)


def test_a_server_that_is_away_or_refuses_is_named(settings, free_port):
    away = settings.model_copy(update={"ray_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(JobLost, match=r"Ray's job server at http://127\.0\.0\.1:\d+ cannot be used"):
        job(Environment(name="c", runtime="ray"), "count", load_project("digits"), {"to": 1}, away).run(lambda line: None)


def test_a_server_that_goes_away_in_the_middle_leaves_the_job_to_the_next_try(settings):
    class Away:
        def get_job_info(self, submission_id: str) -> Any:
            raise ConnectionError("refused")

        async def tail_job_logs(self, submission_id: str) -> Any:
            raise RuntimeError("WebSocket connection closed unexpectedly")
            yield ""

    made = job(Environment(name="c", runtime="ray"), "count", load_project("digits"), {"to": 1}, settings)
    made.submission_id, made.lost_after_s = "id-1", 1
    with pytest.raises(JobLost, match=r"the Ray job server does not answer \(refused\); another try goes on with it"):
        made._follow(Away(), Output(made.request, [].append))


class NotReady:
    """A job server that says what is given, one after another, before it takes a job."""

    def __init__(self, *said: Exception) -> None:
        self.said, self.taken = list(said), []

    def list_jobs(self) -> list[Any]:
        return []

    def submit_job(self, **wanted: Any) -> None:
        if self.said:
            raise self.said.pop(0)
        self.taken.append(wanted["submission_id"])


AGENT = RuntimeError("Request failed with status code 500: No available agent to submit job, please try again later..")


def test_a_server_that_is_not_ready_yet_is_waited_for(settings, monkeypatch):
    monkeypatch.setattr("include.jobs.ray.time.sleep", lambda seconds: None)
    made = job(Environment(name="c", runtime="ray"), "count", load_project("digits"), {"to": 1}, settings)
    server = NotReady(AGENT, ConnectionError("Connection aborted"), RuntimeError("submission id already exists"))
    made._submit(server, [].append)
    assert server.taken == [made.submission_id]
    made.lost_after_s = -1
    with pytest.raises(JobLost, match=r"the Ray job server takes no job .*No available agent.*; another try goes on"):
        made._submit(NotReady(AGENT), [].append)
    with pytest.raises(NotHere, match=r"Ray refuses the job .*bad resources.*; correct the environment"):
        made._submit(NotReady(RuntimeError("Request failed with status code 400: bad resources")), [].append)


def test_an_address_that_ray_would_prefer_is_refused(settings, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://elsewhere:8265")
    with pytest.raises(RayError, match="RAY_ADDRESS is set"):
        job_client(settings)


def test_a_job_that_spreads_takes_nothing_for_itself(settings, tmp_path):
    project = load_project("digits")
    several = project.model_copy(update={"training": project.training.model_copy(update={"workers": 2})})
    wanted = Environment(name="cluster", runtime="ray", cpu=2, gpu=1, memory="1Gi")

    def asked(name: str, whose: Any) -> dict[str, Any]:
        return submission(job(wanted, name, whose, {}, settings).request, "id-1", tmp_path)

    assert asked("train", project)["entrypoint_num_gpus"] == 1 and asked("train", project)["entrypoint_memory"] == 2**30
    assert "entrypoint_num_cpus" not in asked("tune", project) and "entrypoint_num_cpus" not in asked("train", several)
