"""When a job on a Ray cluster ran out of memory, and when it only looks so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from include.jobs import JobFailed, JobKilled, JobLost, JobOutOfMemory
from include.jobs.output import Output
from include.jobs.ray import RayJob
from include.jobs.request import request
from include.management import Environment
from include.projects import load_project
from include.settings import Settings


def ended(code: int | None, *lines: str, memory: str | None = None, **more: Any) -> JobFailed:
    """Return how a job on a cluster failed that wrote these lines last."""
    wanted = Environment(name="c", runtime="ray", memory=memory)
    made = RayJob(request(wanted, "train", load_project("digits"), {}, Settings()))
    output = Output(made.request, [].append)
    for line in lines:
        output.take(line)
    info = SimpleNamespace(**{"status": "FAILED", "message": "", "error_type": None, "driver_exit_code": code, **more})
    with pytest.raises(JobFailed) as failed:
        made._outcome(info, output)
    return failed.value


KILLED = "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory."


def test_what_rays_memory_monitor_ended_ran_out_of_memory():
    assert type(ended(1, KILLED, "job train failed: OutOfMemoryError: Task was killed")) is JobOutOfMemory
    actor = "ray.exceptions.ActorDiedError: 1 worker(s) were killed due to the node running low on memory. Refer to"
    assert type(ended(1, actor)) is JobOutOfMemory
    died = {"message": "Job supervisor actor died: 1 worker(s) were killed due to the node running low on memory."}
    assert type(ended(None, error_type="JOB_SUPERVISOR_ACTOR_DIED", **died)) is JobOutOfMemory
    assert type(ended(None, error_type="JOB_SUPERVISOR_ACTOR_DIED", message="node died")) is JobLost


@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.",
        "torch.cuda.OutOfMemoryError: CUDA out of memory.",
        "ray.exceptions.RayTaskError(OutOfMemoryError): ray::step() (pid=1)",
        "(raylet) 1 worker(s) were killed due to the node running low on memory.",
        "my.ray.exceptions.OutOfMemoryError: not Ray's",
    ],
)
def test_an_error_that_only_sounds_like_it_is_the_jobs_own(line):
    found = ended(1, line, "job train failed: OutOfMemoryError: CUDA out of memory.", memory="2Gi")
    assert type(found) is JobFailed and str(found) == "job train failed: OutOfMemoryError: CUDA out of memory."


@pytest.mark.parametrize("code", [137, -9])
def test_ended_by_force_under_a_limit_of_memory_is_likely_for_memory(code):
    found = ended(code, memory="2Gi")
    assert type(found) is JobOutOfMemory and found.likely
    assert "was killed by SIGKILL, most likely because it ran out of memory (2Gi in the environment c)" in str(found)
    assert type(ended(code)) is JobKilled and type(ended(code + 2, memory="2Gi")) is not JobOutOfMemory
