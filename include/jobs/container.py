"""What is asked of a Docker engine for a job.

The container runs as no root, sees its file system read-only beside a folder in memory, has no capabilities, and has
the limits of its environment.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from include.jobs.request import HOME, Request

if TYPE_CHECKING:
    from docker import APIClient

NOBODY = "65534:65534"
SCRATCH_BYTES = 2 * 2**30
MOST_PROCESSES = 4096
LOG_OPTIONS = {"max-size": "50m", "max-file": "2"}
ADVICE = {  # by what the engine says
    "could not select device driver": "choose an environment with gpu: 0, or install NVIDIA's container toolkit there",
    "Range of CPUs": "lower cpu of the environment",
    "Minimum memory limit": "raise memory of the environment",
    "bind source path does not exist": "correct the source of its reference",
    "network": "correct network of the environment, or make that network",
    "executable file not found": "build the image from the product's Dockerfile",
    "invalid mount": "correct its references",
}


def container(client: APIClient, request: Request) -> dict[str, Any]:
    """Return the arguments of `docker.APIClient.create_container` for a job."""
    from docker.types import DeviceRequest, LogConfig, Mount

    environment, memory = request.environment, request.environment.memory_bytes
    mounts = [
        Mount(environment.target(name), one.source, type="bind", read_only=one.read_only)
        for name, one in environment.references.items()
    ]
    gpus = [DeviceRequest(count=int(environment.gpu), capabilities=[["gpu"]])] if environment.gpu else None
    host = client.create_host_config(
        mounts=mounts,
        network_mode=environment.network,
        nano_cpus=int(environment.cpu * 1e9) if environment.cpu else None,
        mem_limit=memory,
        memswap_limit=memory,  # no swap beside it
        shm_size=min(memory // 2, SCRATCH_BYTES) if memory else SCRATCH_BYTES,  # Ray and torch share data through it
        pids_limit=MOST_PROCESSES,
        read_only=True,
        tmpfs={"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={min(memory or SCRATCH_BYTES, SCRATCH_BYTES)}"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        privileged=False,
        device_requests=gpus,
        log_config=LogConfig(type="json-file", config=LOG_OPTIONS),
    )
    return {
        "image": environment.image,
        "name": request.id,
        "entrypoint": request.command(request.uri()),  # the image's own would only get the command as arguments
        "command": [],
        "environment": {"HOME": HOME, **request.variables(), **request.secret_variables()},
        "labels": {**request.labels(), "devmlops.io/title": request.project.title},
        "user": _user(),
        "host_config": host,
    }


def _user() -> str:
    """Return this process's user, who can read the references that it can; never root."""
    return f"{os.getuid()}:{os.getgid()}" if os.getuid() else NOBODY
