"""Ray's job server: a client of it, and what its cluster has."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from include.clients.ray import RayError
from include.settings import Settings

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient


def job_client(settings: Settings) -> JobSubmissionClient:
    """Return a client of the job server that the settings name.

    Raises:
        RayError: it does not answer, refuses the token, or is no job server.
    """
    from ray.job_submission import JobSubmissionClient

    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        if os.environ.get(name):  # Ray prefers it to the address that it is given
            raise RayError(f"{name} is set in this process and would send the job to another cluster: unset it")
    for name in ("dashboard.modules.dashboard_sdk", "dashboard.modules.job.sdk", "_private.runtime_env.packaging"):
        logging.getLogger(f"ray.{name}").setLevel(logging.WARNING)  # they tell of every request
    token = settings.ray_token.get_secret_value()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    advice = "is the cluster up, and are DEVMLOPS_RAY_URL and DEVMLOPS_RAY_TOKEN right?"
    try:
        return JobSubmissionClient(settings.ray_url, headers=headers)
    except (RuntimeError, OSError, ValueError) as cause:
        said = " ".join(str(cause).split())[:300]
        raise RayError(f"Ray's job server at {settings.ray_url} cannot be used ({said}): {advice}") from cause


def node_resources(settings: Settings) -> list[str]:
    """Return what each node of the jobs' cluster has, for people; nothing where the cluster does not say."""
    import httpx

    token = settings.ray_token.get_secret_value()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        said = httpx.get(f"{settings.ray_url}/api/v0/nodes?detail=1", headers=headers, timeout=10).raise_for_status().json()
        nodes = [one["resources_total"] for one in said["data"]["result"]["result"] if one.get("state") == "ALIVE"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return []
    hidden = ("node:", "memory", "object_store_memory", "accelerator_type:")
    return [", ".join(f"{n:g} {what}" for what, n in sorted(node.items()) if not what.startswith(hidden)) for node in nodes]
