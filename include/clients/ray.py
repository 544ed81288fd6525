"""Ray on this machine: a small cluster that lives as long as a block of code."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.settings import ROOT, Settings

# A Unix socket's path has at most 107 bytes; with "/t" Ray adds "/session_<date>_<microseconds>_<pid>/sockets/plasma_store".
LONGEST_FOLDER = 107 - 68
PREFIX = "devmlops-ray-"
OBJECT_STORE_BYTES = 128 * 2**20


class RayError(RuntimeError):
    """The local cluster could not be started."""


@contextmanager
def local_cluster(settings: Settings, cpus: int, object_store_bytes: int = OBJECT_STORE_BYTES, gpus: int = 0) -> Iterator[Path]:
    """Start Ray for the block, and end it and all its processes afterwards, whatever happens.

    The cluster listens on this machine alone and asks for a random token. Workers find the same packages as
    this process. When this process is killed, Ray's processes end with it.

    Args:
        settings: name the folder under which Ray writes, where its path is short enough.
        cpus: how many one-CPU workers may run at a time.
        object_store_bytes: shared memory for data that workers read.
        gpus: how many of this machine's GPUs its workers may share.

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
            raise RayError(f"Ray did not start under {folder}: {type(cause).__name__}: {cause}") from cause
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # ray.init puts its own in place
        yield folder / "results"
    finally:
        try:
            import ray

            ray.shutdown()
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


@functools.cache
def _token() -> str:
    return secrets.token_hex(32)  # Ray reads the token once a process, so it stays the same for all clusters of one


def _environment() -> dict[str, str]:
    path = os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]))
    return {
        "PYTHONPATH": path,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": _token(),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the default warns about a change of behaviour on every start
        "RAY_AIR_NEW_OUTPUT": "0",  # the new one draws tables even when it is told to be silent
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # results go to MLflow; CSV, JSON and TensorBoard files are not read
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
