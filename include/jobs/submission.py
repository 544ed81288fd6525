"""What is asked of Ray's job server for a job.

The job takes the product's code, its spec and its settings with it, as the working directory that Ray hands to the
node: a cluster needs the packages and no image of the product, and credentials do not stand in the job's description,
which the dashboard shows.
"""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.jobs.request import Request
from include.settings import ROOT

SPEC, SETTINGS = "spec.json", "settings.json"
GRACE = {"RAY_JOB_STOP_WAIT_TIME_S": "8"}  # what a job has to clean up, as in a container; Ray itself gives 3 s
MARK = "devmlops.io/id"


@contextmanager
def bundle(request: Request, submission_id: str) -> Iterator[Path]:
    """Make the job's working directory: the product's code, the spec, and the settings that nobody may see.

    Ray keeps equal directories once; the id in it keeps a job from getting that of the try before, whose settings
    were taken.
    """
    folder = Path(tempfile.mkdtemp(prefix="devmlops-job-"))
    try:
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
        shutil.copytree(ROOT / "include", folder / "include", ignore=ignored)
        projects = request.settings.projects_dir
        if projects != ROOT / "include" / "projects":  # where this process has its projects from
            shutil.copytree(projects, folder / "include" / "projects", ignore=ignored, dirs_exist_ok=True)
        spec = {"project": request.project.name, "args": request.args}
        (folder / SPEC).write_text(json.dumps(spec, ensure_ascii=False, allow_nan=False), encoding="utf-8")
        (folder / SETTINGS).write_text(json.dumps(request.secret_variables()), encoding="utf-8")
        (folder / "id").write_text(submission_id, encoding="utf-8")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def submission(request: Request, submission_id: str, folder: Path) -> dict[str, Any]:
    """Return the arguments of `ray.job_submission.JobSubmissionClient.submit_job` for a job.

    Args:
        request: the job.
        submission_id: its id on the cluster.
        folder: its working directory.
    """
    environment = request.environment
    found: dict[str, Any] = {
        "entrypoint": shlex.join(request.command(SPEC, "--settings", SETTINGS)),
        "submission_id": submission_id,
        "metadata": {**request.labels(), MARK: request.id, "devmlops.io/title": request.project.title},
        "runtime_env": {"working_dir": str(folder), "env_vars": {**GRACE, **request.variables()}},
    }
    if environment.queue:
        found["entrypoint_resources"] = {environment.queue: 0.001}
    if not request.spreads:  # a job that spreads would wait for itself
        found |= {"entrypoint_num_cpus": environment.cpu or 1, "entrypoint_num_gpus": environment.gpu or None}
        found |= {"entrypoint_memory": environment.memory_bytes}
    return found
