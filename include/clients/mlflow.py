"""MLflow: a client bound to one server by settings, and errors that say what to do.

Nothing global is touched (`mlflow.set_tracking_uri`, ``MLFLOW_*`` variables) but the path of the trusted certificate
authorities, so one process can serve several servers and tests do not leak into one another.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.clients.tls import bundle_file, trusted
from include.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SHOWN = {"mlflow.experimentKind": "custom_model_development"}  # else MLflow's pages open as those of prompts and traces
BATCH = 500  # MLflow takes at most 1,000 metrics and 100 params or tags in one call


class MlflowError(RuntimeError):
    """MLflow did not answer, or refused.

    Attributes:
        url: the server's address, without credentials.
        doing: what was wanted.
        code: MLflow's error code, such as ``RESOURCE_DOES_NOT_EXIST``; ``UNREACHABLE`` where no answer came.
    """

    def __init__(self, url: str, doing: str, problem: str, code: str = "UNREACHABLE") -> None:
        self.url, self.doing, self.code = public(url), doing, code
        super().__init__(f"MLflow at {self.url}: cannot {doing}: {problem}")


def public(url: str) -> str:
    """Return ``url`` without the user and password that it may carry."""
    return re.sub(r"//[^/@]*@", "//", url)


def mlflow_client(settings: Settings, wait_s: float = 20.0) -> MlflowClient:
    """Return a client of the tracking server and registry, once the server answers.

    Args:
        settings: names the server (``mlflow_url``).
        wait_s: seconds to wait for a server that is being restarted; 0 asks once, -1 does not ask.

    Raises:
        MlflowError: nobody answered in that time.
    """
    if wait_s >= 0:
        _wait(settings, wait_s)
    if bundle := bundle_file(settings):
        os.environ["MLFLOW_TRACKING_SERVER_CERT_PATH"] = bundle  # mlflow 3.17 takes it from there alone
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=settings.mlflow_url, registry_uri=settings.mlflow_url)


def _wait(settings: Settings, wait_s: float) -> None:
    url, context = settings.mlflow_url, trusted(settings)
    end = time.monotonic() + wait_s
    while True:
        try:
            with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=3, context=context):
                return
        except (urllib.error.URLError, OSError, ValueError) as cause:
            if time.monotonic() >= end or isinstance(cause, ValueError):
                reason = getattr(cause, "reason", cause)
                raise MlflowError(
                    url, "reach the server", f"{reason}; start it (make up) or correct DEVMLOPS_MLFLOW_URL"
                ) from cause
        time.sleep(0.3)


@contextmanager
def mlflow_errors(settings: Settings, doing: str) -> Iterator[None]:
    """Turn what MLflow raises inside the block into one `MlflowError`.

    Args:
        settings: names the server.
        doing: what the block wants, to go after "cannot".
    """
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    try:
        yield
    except MlflowException as cause:
        gone = is_gone(cause)
        code = "UNREACHABLE" if gone else str(cause.error_code)
        problem = "the server does not answer; is it running?" if gone else str(cause)
        raise MlflowError(settings.mlflow_url, doing, problem, code) from cause
    except RequestException as cause:
        raise MlflowError(settings.mlflow_url, doing, f"the server does not answer ({type(cause).__name__})") from cause


def is_gone(error: Exception) -> bool:
    """Tell whether an error of MLflow's client says that the server did not answer."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    if isinstance(error, MlflowError):
        return error.code == "UNREACHABLE"
    if isinstance(error, MlflowException):
        return "Max retries exceeded" in str(error) or "Connection" in str(error)
    return isinstance(error, RequestException)


def ensure_experiment(client: MlflowClient, name: str) -> str:
    """Return the id of the experiment ``name``; made where it is missing, restored where it was deleted."""
    from mlflow.exceptions import MlflowException

    for _ in range(2):
        found = client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        try:
            return str(client.create_experiment(name, tags=SHOWN))
        except MlflowException as cause:
            if cause.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    raise AssertionError("unreachable: an experiment that exists is found")


def log_metrics(client: MlflowClient, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    """Log metrics of one step in one call."""
    log_history(client, run_id, [(step, metrics)])


def log_history(client: MlflowClient, run_id: str, history: Sequence[tuple[int, Mapping[str, float]]]) -> None:
    """Log metrics of many steps in as few calls as possible.

    Args:
        client: of `mlflow_client`.
        run_id: the run.
        history: pairs of step and metrics.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    flat = [Metric(key, float(value), now, step) for step, metrics in history for key, value in metrics.items()]
    for start in range(0, len(flat), BATCH):
        client.log_batch(run_id, metrics=flat[start : start + BATCH])


def log_params(client: MlflowClient, run_id: str, params: Mapping[str, Any], tags: Mapping[str, Any] | None = None) -> None:
    """Log parameters and tags in one call; a parameter keeps its first value for ever, as MLflow wants it."""
    from mlflow.entities import Param, RunTag

    client.log_batch(
        run_id,
        params=[Param(key, str(value)) for key, value in params.items()],
        tags=[RunTag(key, str(value)) for key, value in (tags or {}).items() if value is not None],
    )


def log_file(client: MlflowClient, run_id: str, path: str, content: bytes) -> None:
    """Log ``content`` as the artefact ``path`` (with folders, such as ``model/params.json``)."""
    folder, _, name = path.rpartition("/")
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / name
        file.write_bytes(content)
        client.log_artifact(run_id, str(file), folder or None)


def read_file(client: MlflowClient, run_id: str, path: str) -> bytes:
    """Return the bytes of the artefact ``path`` of a run.

    Raises:
        FileNotFoundError: the run has no such artefact.
    """
    folder = path.rpartition("/")[0]
    if path not in {info.path for info in client.list_artifacts(run_id, folder or None)}:
        raise FileNotFoundError(f"run {run_id} has no artefact {path}")
    with tempfile.TemporaryDirectory() as place:
        return Path(client.download_artifacts(run_id, path, place)).read_bytes()


def find_runs(client: MlflowClient, experiment_id: str, tags: Mapping[str, str]) -> list[Run]:
    """Return the runs of an experiment that carry all these tags, newest first."""
    where = " and ".join(f"tags.`{key}` = '{_quoted(value)}'" for key, value in tags.items())
    found, token, order = [], None, ["attributes.start_time DESC"]
    while True:
        some = client.search_runs([experiment_id], where, order_by=order, max_results=BATCH, page_token=token)
        found += list(some)
        if not (token := some.token):
            return found


def _quoted(value: str) -> str:
    if "'" in value:
        raise ValueError(f"a tag to search for must not hold a quote: {value!r}")
    return value
