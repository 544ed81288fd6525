"""docs/environments.md: where jobs run, made from the model of an environment; `make docs` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel

from include.jobs.registry import JOBS
from include.management.environment import MEANS, Environment, Reference, Runtime
from include.projects.forms import described, limits
from include.projects.reference import cell, default, doc, meaning

RUNTIMES: tuple[str, ...] = get_args(Runtime)
HEAD = """# Environments

An environment says where a job runs, with how much, and with which settings. `local` is built in: the job is a process
beside its task, and nothing limits it. All others are records of the ledger; a change of one is a new version, and every
version stays readable. This page is made from the code by `make docs`.

    python -m include.management environments put gpu.yaml      # keep it as its next version
    python -m include.management environments list
    python -m include.management environments show gpu          # the definition, and who changed it when
    python -m include.management environments delete gpu        # out of use

On the local platform, `eval "$(.devmlops/venv/bin/python -m include.local env)"` gives a shell the ledger's address first.

A project takes one by a line of its project.yaml, for all jobs or for one ([`environments`](project-yaml.md#environments)):

```yaml
environments:
  default: local
  train: gpu                                                  # the short form
  tune: {environment: cluster, timeout_minutes: 240, pool: gpus}
  evaluate: {timeout_minutes: 30, memory: 4Gi}                # local, and ended where it takes more
  allowed: [box]                                              # what the form of a run may choose besides
```

A step of a workflow may name its own (`environment`, `timeout_minutes`, `memory`). Where both the environment and
project.yaml give a limit, the narrower one holds.

## Limits, and what does not end by itself

No job has a time limit that nobody gave: a long training is not a hang. A job that hangs keeps its pipeline, of which one
run is active at a time, until somebody ends the task; so give `timeout_minutes` where that matters, in the environment or
in project.yaml. A job that takes longer is ended, with everything that it started, and its task says so. `memory` ends a
local job, a container or a pod that takes more; a Ray cluster reserves it, and ends what takes too much by its own monitor.

## Code in containers

A Ray job takes the code of the checkout along. A container runs what its image holds: the product and the projects of
`include/projects`. The job compares the code of its project with that of the checkout before any work, and refuses where
they differ, so that a changed model.py never trains as the old one. From a changed project to a run:

    make image TAG=registry.example.com/devmlops:2            # the Dockerfile, with what include/projects holds now
    docker push registry.example.com/devmlops:2               # where other machines run it
    # put image: registry.example.com/devmlops:2 into box.yaml
    python -m include.management environments put box.yaml
    # project.yaml:  environments: {train: box}

While a project changes often, let the environment mount the checkout's projects instead of building: on the same machine
the example of docker below does. Projects that lie elsewhere (`make project INTO=...`, `DEVMLOPS_PROJECTS_DIR`) get into
the image by `make image PROJECTS=/srv/projects`, or are mounted the same way; on Kubernetes the source is a volume claim.
The files must be readable by the user whom the job runs as: the user of Airflow, and nobody (65534) in a pod or where
Airflow is root.

## What stays on this machine

"""
EXAMPLES = {
    "local": """name: small
runtime: local
description: In the task, for jobs that must end.
cpu: 2
memory: 4Gi
timeout_minutes: 60
""",
    "docker": """name: box
runtime: docker
image: devmlops:local
cpu: 4
memory: 8Gi
timeout_minutes: 240
references:
  projects: {source: /srv/devmlops/include/projects}          # in place of those in the image
env:
  DEVMLOPS_PROJECTS_DIR: /references/projects
""",
    "kubernetes": """name: gpu
runtime: kubernetes
image: registry.example.com/devmlops:2
namespace: training
cpu: 8
memory: 32Gi
gpu: 1
queue: a100
priority: batch
timeout_minutes: 720
start_minutes: 30
connection: kubernetes_training
env:
  DEVMLOPS_MLFLOW_URL: https://mlflow.example.com
  DEVMLOPS_DATA_DEV_URL: https://lakefs.example.com
secrets:
  HF_TOKEN: kubernetes:hugging-face/access
references:
  weights: {source: claim:weights/resnet}
""",
    "ray": """name: cluster
runtime: ray
connection: ray_a100
cpu: 4
gpu: 0.5
memory: 16Gi
queue: a100
timeout_minutes: 600
""",
}


def environments_page() -> str:
    """Return docs/environments.md."""
    ledger = [f"`{name}`" for name, one in JOBS.items() if one.ledger]
    packages = [f"`{name}`" for name, one in JOBS.items() if one.packages]
    lines = [HEAD.rstrip("\n"), ""]
    lines += [f"{', '.join(ledger)} work with the ledger, and {', '.join(packages)} with the model server's folder. Where these"]
    lines += ["are files of this machine, such a job stays in `local` whatever `default` or the form of a run says, and its task"]
    lines += [
        "says so; where project.yaml places it elsewhere by its own name, it is refused. A ledger on a database server, and"
    ]
    lines += ["a folder that the environment mounts and names as `DEVMLOPS_MODEL_REPOSITORY` in `env`, let it go.", ""]
    lines += ["## Fields", "", *_fields(Environment), "", "### `references.*`", "", doc(Reference), "", *_fields(Reference)]
    for runtime, text in EXAMPLES.items():
        lines += ["", f"## Example: {runtime}", "", "```yaml", text.rstrip("\n"), "```"]
    return "\n".join(lines) + "\n"


def _fields(model: type[BaseModel]) -> Iterator[str]:
    by_runtime = model is Environment
    yield f"| key | what it is | default | {'runtimes | ' if by_runtime else ''}what it means |"
    yield f"|---|---|---|{'---|' if by_runtime else ''}---|"
    for name, field in model.model_fields.items():
        words = cell(", ".join(filter(None, (described(field), limits(field)))))
        known = [runtime for runtime in RUNTIMES if name in MEANS[runtime]]
        where = f"{'all' if len(known) == len(RUNTIMES) else ', '.join(known)} | " if by_runtime else ""
        yield f"| `{name}` | {words} | {default(field)} | {where}{cell(meaning(field))} |"
