"""One job as it is asked for, the same whatever runs it."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from include.jobs.errors import SpecError
from include.jobs.registry import find
from include.jobs.spec import LOG, Spec, spec_uri
from include.management import Environment, code_of
from include.projects import Project
from include.settings import Settings

# Nothing phones home, nothing is buffered, no window is opened.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5",  # a server that is away is waited for a minute; by MLflow itself four
    "RAY_USAGE_STATS_ENABLED": "0",
    "DO_NOT_TRACK": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",
    "MPLBACKEND": "Agg",
}
# Airflow's own variables hold its database's password; a job has no use for them.
WITHHELD = re.compile(r"^_?_?AIRFLOW")
HOME = "/tmp/devmlops"  # in a container, where nothing else may be written
REPOSITORY = "DEVMLOPS_MODEL_REPOSITORY"
ADDRESSES = ("data_dev_url", "data_ops_url", "mlflow_url", "triton_grpc_url", "triton_http_url", "inference_url", "airflow_url")
LOOPBACK = re.compile(r"^(?:\w+://)?(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?::|/|$)")
OnLine = Callable[[str], None]


class Running(Protocol):
    """A job that can be run to its end once, and be ended before."""

    def run(self, on_line: OnLine) -> dict[str, Any]:
        """Run it, or go on with it where an earlier try left it running; return its result."""

    def kill(self) -> None:
        """End it with everything it started; may be called twice, from any thread, and before it started."""


@dataclass(frozen=True)
class Request:
    """What a runtime needs to know of a job.

    Attributes:
        id: its name on every engine; the same task in the same run always has the same.
        name: which job.
        project: whose.
        args: of the job's function, JSON.
        environment: where it runs, with how much.
        settings: that it gets.
        secrets: values of the environment's secrets, by variable.
        recorded: its reading of data is in the audit log already.
    """

    id: str
    name: str
    project: Project
    args: dict[str, Any]
    environment: Environment
    settings: Settings
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    recorded: bool = False

    @property
    def spreads(self) -> bool:
        """Tell whether the job spreads over a Ray cluster by itself."""
        return find(self.name).spreads or (self.name == "train" and self.project.training.workers > 1)

    @property
    def digest(self) -> str:
        """Return what tells whether a job that is found running is this very one."""
        wanted = [self.name, self.project.name, self.args, self.environment.model_dump(mode="json")]
        return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=str).encode()).hexdigest()[:32]

    def uri(self) -> str:
        """Return the spec as a ``data:`` URI."""
        return spec_uri(Spec(self.project.name, self.args))

    def command(self, spec: str, *more: str, python: str = "python") -> list[str]:
        """Return the command that runs the job and writes the result as its last line."""
        recorded = ["--recorded"] if self.recorded else []
        return [python, "-m", "include.jobs", self.name, "--spec", spec, "--result", f"{LOG}{self.id}", *recorded, *more]

    def variables(self) -> dict[str, str]:
        """Return the job's variables where it shares no folder with its task, without the secret ones.

        Paths of this machine mean nothing there, so they are left out, as is a ledger that is a file.
        """
        known = self.settings.environment()
        found = {}
        for name, one in type(self.settings).model_fields.items():
            secret = isinstance(getattr(self.settings, name), SecretStr)
            if not secret and one.annotation is not Path and name != "ca_bundle":
                found[f"DEVMLOPS_{name.upper()}"] = known[f"DEVMLOPS_{name.upper()}"]
        return {**QUIET, **found, "DEVMLOPS_HOME": HOME, **self.extent(), **self.environment.variables()}

    def secret_variables(self) -> dict[str, str]:
        """Return the variables whose values nobody may see."""
        found = {}
        for name in set(type(self.settings).model_fields) - {"ray_token"}:  # starting jobs is not for jobs
            value = getattr(self.settings, name)
            if isinstance(value, SecretStr) and value.get_secret_value():
                found[f"DEVMLOPS_{name.upper()}"] = value.get_secret_value()
        if self.settings.ledger().startswith("sqlite"):
            found.pop("DEVMLOPS_LEDGER_URL", None)
        return {name: value for name, value in {**found, **self.secrets}.items() if name not in self.environment.env}

    def extent(self) -> dict[str, str]:
        """Return the variables that tell a job where it runs and how much it has."""
        one = self.environment
        cpus = {"DEVMLOPS_JOB_CPUS": f"{one.cpu:g}", "OMP_NUM_THREADS": str(max(1, int(one.cpu)))} if one.cpu else {}
        image = {"DEVMLOPS_JOB_IMAGE": one.image} if one.image else {}
        gpus = "" if one.gpu is None and one.runtime == "local" else f"{one.gpu or 0:g}"
        place = {"DEVMLOPS_JOB_ENVIRONMENT": one.name, "DEVMLOPS_JOB_RUNTIME": one.runtime}
        return {**place, "DEVMLOPS_JOB_GPUS": gpus, **cpus, **image}

    def labels(self) -> dict[str, str]:
        """Return what people and programs find the job by."""
        return {
            "devmlops.io/job": label_value(self.name),
            "devmlops.io/project": label_value(self.project.name),
            "devmlops.io/owner": label_value(self.project.owner),
            "devmlops.io/environment": label_value(self.environment.name),
            "devmlops.io/digest": self.digest,
        }

    def unreachable(self) -> list[str]:
        """Return the addresses that mean this machine here, and another one where the job runs."""
        same = {"local": True, "docker": self.environment.network == "host", "ray": bool(LOOPBACK.match(self.settings.ray_url))}
        if same.get(self.environment.runtime):
            return []
        overridden = {name.removeprefix("DEVMLOPS_").lower() for name in self.environment.env}
        return [
            f"DEVMLOPS_{name.upper()}={value}"
            for name in ADDRESSES
            if name not in overridden and LOOPBACK.match(value := str(getattr(self.settings, name)))
        ]


def request(
    environment: Environment,
    name: str,
    project: Project,
    args: dict[str, Any],
    settings: Settings,
    key: str | None = None,
    secrets: Mapping[str, str] | None = None,
    recorded: bool = False,
) -> Request:
    """Return a checked request.

    Args:
        environment: where the job runs.
        name: of the job.
        project: whose.
        args: of the job's function, JSON.
        settings: that it gets.
        key: the same for all tries of the same task in the same run; None means that nobody tries again.
        secrets: values of the environment's secrets, by variable.
        recorded: its reading of data is in the audit log already.

    Raises:
        SpecError: there is no such job, it cannot run there, or a secret is missing.
    """
    if what := tied(environment, name, settings):
        raise SpecError(f"job {name} works with {what}, or run this job in the environment local")
    missing = [
        variable
        for variable, where in environment.secrets.items()
        if where.startswith("connection:") and not (secrets or {}).get(variable)
    ]
    if missing:
        where = ", ".join(f"{variable} ({environment.secrets[variable]})" for variable in missing)
        raise SpecError(f"the environment {environment.name} names secrets that are not there: {where}; make these connections")
    if environment.image and not settings.job_code:  # it holds code of its own, which may be older than this checkout's
        settings = settings.model_copy(update={"job_code": code_of(project).digest})
    found = hashlib.sha256(key.encode()).hexdigest()[:12] if key else uuid.uuid4().hex[:12]
    readable = re.sub(r"[^a-z0-9]+", "-", f"{project.name}-{name}".lower()).strip("-")[:40].rstrip("-")
    return Request(f"{readable}-{found}", name, project, args, environment, settings, dict(secrets or {}), recorded)


def tied(environment: Environment, name: str, settings: Settings) -> str:
    """Return what of this machine a job works with that its environment does not see, and what to do; empty where it can run.

    Raises:
        SpecError: there is no such job.
    """
    job = find(name)
    if environment.runtime == "local":
        return ""
    if job.ledger and settings.ledger().startswith("sqlite"):
        return "the ledger, which is a file on this machine: set DEVMLOPS_LEDGER_URL to a server's database"
    if job.packages and REPOSITORY not in environment.env:
        advice = f"mount it by references of the environment {environment.name}, and name the place in its env as {REPOSITORY}"
        return f"the model server's folder, which is on this machine: {advice}"
    return ""


def label_value(text: str) -> str:
    """Return ``text`` as a label may hold it: ASCII letters, digits, ``-_.``, at most 63, a letter or digit at both ends.

    A text that had to be changed ends with a digest, so that two texts never become one label.
    """
    kept = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63].strip("-_.")
    if kept == text:
        return kept
    return f"{kept[:52].strip('-_.')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".strip("-_.")
