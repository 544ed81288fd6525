"""The table of services: what each is, how it is started and when it is healthy."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from include.jobs.fork_server import SOCKET
from include.jobs.request import QUIET as JOB_QUIET
from include.jobs.request import WITHHELD
from include.local.airflow_config import PARALLELISM, airflow_environment
from include.local.code_state import code_state
from include.local.dag_files import all_read
from include.local.health import Check, accepts, answers, heartbeats
from include.local.places import ROOT, Places, write_private
from include.local.ports import HOST
from include.local.secrets import Secrets
from include.local.supervisor import spec_path
from include.settings import Settings
from include.sockets import socket_path

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "DO_NOT_TRACK": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "COLLECT_ANALYTICS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "SCARF_ANALYTICS": "false",
}

# All that a service takes over from the shell of `make up`: another shell must not give other services.
KEPT = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "KUBECONFIG", "CUDA_VISIBLE_DEVICES"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "OMP_NUM_THREADS"),
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL",  # reading every DAG file every 30 s takes a quarter of a processor
)
KEPT_PREFIXES = (
    "LC_",
    "DOCKER_",
    "NVIDIA_",
    "AIRFLOW__OPENLINEAGE__",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)

FORK_SERVER = "fork-server"
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")

# What a service must not see of the settings: a zone's keys belong to those who work in that zone.
NO_DATA = ("data_dev_access_key", "data_dev_secret_key", "data_ops_access_key", "data_ops_secret_key", "masking_salt")
NO_CALLER = ("source_url", "webhook_token", "slack_token", "labelling_token")


Launch = tuple[list[str], dict[str, str]]


@dataclass(frozen=True)
class Service:
    """One process that the supervisor keeps alive.

    Attributes:
        name: its name for people and for the supervisor.
        check: tells whether it is healthy.
        launch: gives the argument list and the whole environment, secrets included, when it starts.
        needs: names of the preparing steps that must be over before it starts.
        url: where people find it, None where there is nothing to look at.
        before: SQLite file and statement to run there before it starts.
        optional: it is started only by name.
        code: state of the product's code that it holds in memory; after a change `make up` starts it anew.
        ends: services whose left-over processes are ended before it starts; None is its own.
    """

    name: str
    check: Check
    launch: Callable[[], Launch]
    needs: tuple[str, ...] = ()
    url: str | None = None
    before: tuple[str, str] | None = field(default=None, repr=False)
    optional: bool = False
    code: str = ""
    ends: tuple[str, ...] | None = None

    def write_spec(self, places: Places) -> bool:
        """Write what `include.local.child` needs to start the service; return whether that changed."""
        command, environment = self.launch()
        spec = {
            "name": self.name,
            "home": str(places.home),
            "command": command,
            "environment": environment,
            "folder": str(ROOT),
            "before": self.before,
            "ends": [self.name] if self.ends is None else list(self.ends),
            "code": self.code,
        }
        text, file = json.dumps(spec, indent=1), spec_path(places, self.name)
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            return False
        write_private(file, text)
        return True


def base_environment() -> dict[str, str]:
    """Return what every service gets: a few variables of the caller, telemetry off."""
    kept = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith(KEPT_PREFIXES)}
    return {
        "LANG": "C.UTF-8",
        **kept,
        **QUIET,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        # setproctitle, which Airflow uses, would overwrite the mark by which `make down` finds the process.
        "SPT_NOENV": "1",
    }


def job_environment() -> dict[str, str]:
    """Return the variables of a job, without the product's own."""
    kept = {name: value for name, value in base_environment().items() if not WITHHELD.match(name)}
    return {**kept, **JOB_QUIET, "PYTHONPATH": str(ROOT)}


def _environment(settings: Settings, without: tuple[str, ...] = ()) -> dict[str, str]:
    hidden = {f"DEVMLOPS_{name.upper()}" for name in without}
    return {**base_environment(), **{k: v for k, v in settings.environment().items() if k not in hidden}}


def _fails_old_job(places: Places, kind: str) -> tuple[str, str]:
    """Return the statement that closes a killed server's entry, so that its work is given out again at once."""
    return (
        str(places.airflow_database),
        "UPDATE job SET state = 'failed', end_date = latest_heartbeat "
        f"WHERE job_type = '{kind}' AND (state = 'running' OR end_date IS NULL)",
    )


def _airflow_services(settings: Settings, places: Places, ports: Mapping[str, int], secrets: Secrets, code: str) -> list[Service]:
    environment = {**_environment(settings), **airflow_environment(settings, places, ports, secrets)}
    airflow = [sys.executable, "-m", "airflow"]
    url = f"http://{HOST}:{ports['airflow']}"

    def service(name: str, check: Check, *options: str, shown: str | None = None, job: str | None = None) -> Service:
        return Service(
            name=name,
            check=check,
            launch=lambda: ([*airflow, name, *options], environment),
            needs=("airflow database", "ledger"),
            url=shown,
            before=_fails_old_job(places, job) if job else None,
            code=code,
            ends=(name, FORK_SERVER) if name == "scheduler" else None,  # its tasks are given out again, and so are their jobs
        )

    return [
        # Airflow 3.3.2 builds all versions of the API of tasks in front of its first request, for seconds in which nothing
        # else is answered (cadwyn's `_cadwyn_initialize`). Asked here, that is not the start of somebody's first task,
        # whose token may have run out when it is over.
        service("api-server", answers(f"{url}/api/v2/monitor/health", f"{url}/execution/health"), shown=url),
        service("scheduler", heartbeats(url, "scheduler", PARALLELISM), "--skip-serve-logs", job="SchedulerJob"),
        service("dag-processor", all_read(settings.dags_dir, places, heartbeats(url, "dag_processor")), job="DagProcessorJob"),
        service("triggerer", heartbeats(url, "triggerer"), "--skip-serve-logs", job="TriggererJob"),
    ]


def services(settings: Settings, places: Places, ports: Mapping[str, int], secrets: Secrets) -> dict[str, Service]:
    """Return all services by name, in the order in which they are worth starting.

    Args:
        settings: the platform's settings, with the addresses made of ``ports``.
        places: its folders.
        ports: port by name, see `include.local.ports`.
        secrets: its keys and passwords.
    """
    mlflow, jobs, code = places.home / "mlflow", socket_path(places.home, SOCKET), code_state()
    inference = _environment(settings, (*NO_DATA, *NO_CALLER))
    table = [
        *_airflow_services(settings, places, ports, secrets, code),
        Service(
            name=FORK_SERVER,
            check=accepts(jobs),
            launch=_module("include.jobs.fork_server", "--socket", jobs, environment=job_environment()),
            needs=("folders",),
            ends=(),  # jobs go on without it
        ),
        Service(
            name="mlflow",
            check=answers(f"{settings.mlflow_url}/health"),
            launch=_module(
                *("mlflow", "server", "--host", HOST, "--port", ports["mlflow"], "--workers", 1),
                *("--backend-store-uri", f"sqlite:///{mlflow / 'mlflow.db'}"),
                *("--artifacts-destination", mlflow / "artifacts"),
                # Without its background jobs it has 2 processes instead of 15.
                environment={**base_environment(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            ),
            needs=("folders",),
            url=settings.mlflow_url,
        ),
        Service(
            name="data-server",
            check=answers(f"{settings.data_dev_url}/_health"),
            launch=_module(
                *("include.local.data_server", "--host", HOST, "--port", ports["data"]),
                *("--root", places.home / "data", "--keys", data_keys_file(places)),
                *("--access-log", places.logs / "data-access.log"),
                environment=base_environment(),
            ),
            needs=("folders",),
            url=settings.data_dev_url,
            code=code,
        ),
        Service(
            name="triton",
            check=answers(f"http://{settings.triton_http_url}/v2/health/ready"),
            launch=lambda: _triton(settings, places, ports),
            needs=("triton installation",),
            url=f"http://{settings.triton_http_url}",
        ),
        Service(
            name="inference-ap",
            check=answers(f"{settings.inference_url}/healthz"),
            launch=_module("include.inference", "--host", HOST, "--port", ports["inference"], environment=inference),
            needs=("ledger",),
            url=settings.inference_url,
            code=code,
        ),
        Service(
            name="labelling",
            check=answers(f"{settings.labelling_url}/health"),
            launch=lambda: _labelling(places, ports, secrets),
            needs=("labelling installation",),
            url=settings.labelling_url,
            optional=True,
        ),
    ]
    return {s.name: s for s in table}


def _labelling(places: Places, ports: Mapping[str, int], secrets: Secrets) -> Launch:
    from include.local.labelling import labelling_command

    command, environment = labelling_command(
        places.labelling_install, places.labelling, ports["labelling"], secrets.labelling_token, secrets.labelling_password, HOST
    )
    return command, {**base_environment(), **environment}


def _module(*arguments: object, environment: dict[str, str]) -> Callable[[], Launch]:
    return lambda: ([sys.executable, "-m", *map(str, arguments)], environment)


def data_keys_file(places: Places) -> Path:
    """Return the file of the data server's keys and what each may do."""
    return places.run / "data-keys.json"


def write_data_keys(places: Places, secrets: Secrets) -> None:
    """Write the data server's keys: each zone's key writes in its own zone alone; ops may read what dev made."""

    def key(name: str, *grants: tuple[str, str]) -> dict[str, object]:
        pair = secrets.data[name]
        return {
            "access_key_id": pair["access_key"],
            "secret_access_key": pair["secret_key"],
            "grants": [{"repositories": r, "actions": a} for r, a in grants],
        }

    keys = [
        key("dev", ("*-dev", "write")),
        key("ops", ("*-ops", "write"), ("*-dev", "read")),
        key("admin", ("*", "write")),
    ]
    write_private(data_keys_file(places), json.dumps({"keys": keys}, indent=1))


def _triton(settings: Settings, places: Places, ports: Mapping[str, int]) -> Launch:
    from include.local.triton import triton_command

    command, environment = triton_command(
        places.triton_install,
        settings.model_repository,
        http_port=ports["triton_http"],
        grpc_port=ports["triton_grpc"],
        metrics_port=ports["triton_metrics"],
        host=HOST,
    )
    base = base_environment()
    return command, {**base, **{k: v for k, v in environment.items() if k in base or os.environ.get(k) != v}}
