"""What runs a job where Airflow's own operators do it: Docker and Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseHook, Context
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from include.jobs import Request, Running
from include.jobs.run import Runtimes
from include.management import Environment
from include.settings import Settings


def runtimes(context: Context) -> Runtimes:
    """Return what runs a request by Airflow's operators, by runtime."""

    def docker(asked: Request) -> Running:
        from operators.runtimes.docker import DockerJobOperator

        return DockerJobOperator.of(asked, context)

    def kubernetes(asked: Request) -> Running:
        from operators.runtimes.kubernetes import PodJobOperator

        return PodJobOperator.of(asked, context)

    return {"docker": docker, "kubernetes": kubernetes}


def secrets_of(environment: Environment) -> Mapping[str, str]:
    """Return the values of an environment's secrets that are Airflow connections; one that is not there is left out."""
    found = {}
    for variable, where in environment.secrets.items():
        if where.startswith("connection:"):
            conn_id, _, part = where.removeprefix("connection:").partition("#")
            if value := _part(conn_id, part or "password"):
                found[variable] = value
    return found


def with_connection(settings: Settings, environment: Environment) -> Settings:
    """Return the settings with the Ray cluster of the environment's connection, where it names one."""
    if environment.runtime != "ray" or not environment.connection:
        return settings
    connection = BaseHook.get_connection(environment.connection)
    port = f":{connection.port}" if connection.port else ""
    changed: dict[str, Any] = {"ray_url": f"{connection.schema or 'http'}://{connection.host}{port}"}
    return type(settings)(**{**settings.model_dump(), **changed, "ray_token": connection.password or ""})


def _part(conn_id: str, part: str) -> str | None:
    try:
        connection = BaseHook.get_connection(conn_id)
    except (AirflowNotFoundException, AirflowRuntimeError):
        return None
    if part == "uri":
        return (connection.extra_dejson or {}).get("uri") or connection.get_uri()
    return getattr(connection, part)
