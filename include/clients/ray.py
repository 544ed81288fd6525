"""Ray: a small cluster on this machine that lives as long as a block of code, or the cluster that a job runs on."""

from __future__ import annotations

import fcntl
import functools
import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from include.clients.ray_watch import RayWatch, node_lives
from include.settings import ROOT, Settings

# A Unix socket's path has at most 107 bytes; with "/t" Ray adds "/session_<date>_<microseconds>_<pid>/sockets/plasma_store".
LONGEST_FOLDER = 107 - 68
PREFIX = "devmlops-ray-"
OBJECT_STORE_BYTES = 128 * 2**20
START_S = 180.0  # for Ray's processes to come up
_OPTIONS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the default warns about a change of behaviour on every start
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one draws tables even when it is told to be silent
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # the last result of a trial that failed has no metric
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # results go to MLflow; CSV, JSON and TensorBoard files are not read
}


class RayError(RuntimeError):
    """A cluster could not be started or reached."""


def cluster(
    settings: Settings,
    cpus: int,
    object_store_bytes: int = OBJECT_STORE_BYTES,
    gpus: int = 0,
    on_gone: Callable[[], None] | None = None,
) -> AbstractContextManager[Path]:
    """Return Ray for a block: the cluster that this process is a job of, or else one of its own on this machine.

    A cluster that is there already has its own size. The environment that a job runs in may give fewer processors than
    ``cpus``; a cluster of its own then has no more than that.

    Args:
        settings: as for `local_cluster`; tell where this process runs, and how much it has.
        cpus: as for `local_cluster`.
        object_store_bytes: as for `local_cluster`.
        gpus: as for `local_cluster`.
        on_gone: as for `local_cluster`.

    Raises:
        RayError: it did not start or does not answer.
    """
    if settings.job_runtime == "ray":
        return _this_cluster(settings)
    given = max(1, int(settings.job_cpus)) if settings.job_cpus else cpus
    return local_cluster(settings, min(cpus, given), object_store_bytes, gpus, on_gone)


@contextmanager
def _this_cluster(settings: Settings) -> Iterator[Path]:
    """Connect to the cluster that started this job; the folder lies on its shared storage, where it has one."""
    import ray

    before = {name: os.environ.get(name) for name in _OPTIONS}
    os.environ.update(_OPTIONS)
    handler = signal.getsignal(signal.SIGTERM)
    parent = Path(settings.ray_storage) if settings.ray_storage else None
    if parent:
        parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        try:
            ray.init(address="auto", configure_logging=True, logging_level=logging.ERROR, log_to_driver=False)
        except Exception as cause:
            raise RayError(f"the Ray cluster of this job does not answer: {type(cause).__name__}: {cause}") from cause
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
        yield folder
    finally:
        try:
            ray.shutdown()
        finally:
            _restore(before)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _patient() -> Iterator[None]:
    """Give Ray's processes `START_S` to come up in the block.

    Ray 2.60 gives up after 30 s, which it has in its code (`ray._private.node`); a machine that is busy needs longer, and
    a start that is given up is lost.
    """
    from ray._private import services

    ask = services.get_node

    def ask_again(*args: Any, **options: Any) -> Any:
        end = time.monotonic() + START_S
        while True:
            try:
                return ask(*args, **options)
            except RuntimeError:  # it has not said yet that it is there
                if time.monotonic() > end or not node_lives():
                    raise
                time.sleep(0.2)

    services.get_node = ask_again
    try:
        yield
    finally:
        services.get_node = ask


@contextmanager
def local_cluster(
    settings: Settings,
    cpus: int,
    object_store_bytes: int = OBJECT_STORE_BYTES,
    gpus: int = 0,
    on_gone: Callable[[], None] | None = None,
) -> Iterator[Path]:
    """Start Ray for the block, and end it and all its processes afterwards, whatever happens.

    The cluster listens on this machine alone and asks for a random token. Workers find the same packages as
    this process. When this process is killed, Ray's processes end with it, and when one of those that Ray cannot do
    without dies in the block, this process ends (see `include.clients.ray_watch`).

    Args:
        settings: name the folder under which Ray writes, where its path is short enough.
        cpus: how many one-CPU workers may run at a time.
        object_store_bytes: shared memory for data that workers read.
        gpus: how many of this machine's GPUs its workers may share.
        on_gone: called before this process ends because Ray died; closes what is open elsewhere.

    Yields:
        A folder for results, removed with the cluster.

    Raises:
        RayError: it did not start.
    """
    folder, lock = _folder(settings)
    wanted = _environment()
    before = {name: os.environ.get(name) for name in wanted}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        os.environ.update(wanted)
        import ray

        try:
            with _patient():
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    num_gpus=gpus,
                    include_dashboard=False,
                    configure_logging=True,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    object_store_memory=object_store_bytes,
                    _temp_dir=str(folder / "t"),  # Ray opens its folder to everybody; the one around it stays closed
                    _node_ip_address="127.0.0.1",
                )
        except Exception as cause:
            raise RayError(f"Ray did not start under {folder}: {type(cause).__name__}: {cause}{_said(folder)}") from cause
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # ray.init puts its own in place
        watch = RayWatch(on_gone)
        watch.start()
        try:
            yield folder / "results"
        finally:
            watch.stop()
    finally:
        try:
            import ray

            ray.shutdown()
        finally:
            _restore(before)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _said(folder: Path) -> str:
    """Return what Ray's processes themselves said last of why they ended; their logs go with the folder."""
    found = []
    for name in ("raylet", "gcs_server"):
        with suppress(OSError):
            text = (folder / "t/session_latest/logs" / f"{name}.out").read_text(encoding="utf-8", errors="replace")
            lines = text.splitlines()
            found += [f"; {name}: {line.strip()[:300]}" for line in lines if "Check failed" in line or " C " in line][-1:]
    return "".join(found)


def _restore(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@functools.cache
def _token() -> str:
    return secrets.token_hex(32)  # Ray reads the token once a process, so it stays the same for all clusters of one


def _environment() -> dict[str, str]:
    path = os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]))
    return {
        "PYTHONPATH": path,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": _token(),
        **_OPTIONS,
    }


def _folder(settings: Settings) -> tuple[Path, int]:
    """Make a folder whose path leaves room for Ray's sockets; return it and the lock that says it is in use."""
    tried = []
    for parent, prefix in ((settings.home / "ray", ""), (Path(tempfile.gettempdir()), PREFIX), (Path("/tmp"), PREFIX)):
        if len(os.fsencode(parent / f"{prefix}12345678")) > LONGEST_FOLDER:
            tried.append(str(parent))
            continue
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent, prefix)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return folder, lock
    raise RayError(f"no folder short enough for Ray's sockets ({LONGEST_FOLDER} bytes): {', '.join(tried)}; set TMPDIR")


def _sweep(parent: Path, prefix: str) -> None:
    """Remove folders that killed processes left behind: nobody holds their lock."""
    for folder in parent.glob(f"{prefix}*/"):
        file = folder / "lock"
        try:
            if folder.stat().st_uid != os.getuid() or time.time() - folder.stat().st_mtime < 60:
                continue
            lock = os.open(file, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(lock)
