"""One face for all runtimes: a job is asked for by its environment, and runs where that says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.jobs.errors import SpecError
from include.jobs.local import LocalJob
from include.jobs.request import Request, Running, request
from include.management import Environment
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    from docker import APIClient

Runtimes = Mapping[str, Callable[[Request], Running]]


def job(
    environment: Environment,
    name: str,
    project: Project,
    args: dict[str, Any],
    settings: Settings,
    *,
    key: str | None = None,
    secrets: Mapping[str, str] | None = None,
    recorded: bool = False,
    runtimes: Runtimes | None = None,
) -> Running:
    """Return a job that is ready to run in an environment; nothing is contacted before ``run``.

    Args:
        environment: where it runs (`include.management.choose`).
        name: of the job (`include.jobs.JOBS`).
        project: whose.
        args: of the job's function, JSON.
        settings: that it gets.
        key: the same for all tries of one task in one run, which so find each other's job; None starts a new one.
        secrets: values of the environment's secrets, by variable.
        recorded: its reading of data is in the audit log already.
        runtimes: what runs a request, by runtime, beside or in place of those here.

    Raises:
        SpecError: there is no such job, or it cannot run there.
    """
    asked = request(environment, name, project, args, settings, key, secrets, recorded)
    known = {**RUNTIMES, **(runtimes or {})}
    if environment.runtime not in known:
        advice = "start it as a task of a pipeline, or choose another environment"
        raise SpecError(f"a job in the runtime {environment.runtime} is started by Airflow alone: {advice}")
    return known[environment.runtime](asked)


def _local(asked: Request) -> Running:
    return LocalJob(asked.name, asked.project.name, asked.args, asked.settings, asked)


def _docker(asked: Request) -> Running:
    from include.jobs.docker import DockerJob

    return DockerJob(asked, docker_client)


def _ray(asked: Request) -> Running:
    from include.jobs.ray import RayJob

    return RayJob(asked)


def docker_client() -> APIClient:
    """Return a client of the Docker engine that DOCKER_HOST names, or of the one of this machine."""
    from docker import APIClient
    from docker.utils import kwargs_from_env

    return APIClient(version="auto", timeout=60, **kwargs_from_env())


RUNTIMES: Runtimes = {"local": _local, "docker": _docker, "ray": _ray}
