"""A server that has the libraries of jobs in memory, and forks jobs on this machine from itself.

torch, MLflow, scikit-learn and their kin take seconds of a processor to import, in every job again. This process imports
them once, while the first job that asked is started anew, and holds nothing of the product or of a project: these are
read by each job anew. ``multiprocessing``'s fork server does the same for children of one process; jobs come from tasks,
each of which is a process of its own.

What libraries read of their environment while they are imported must be for a job what it was here, so a job whose
variables differ in more than the product's own ones is refused, as one is that knows another installation; it is then
started as a process of its own. After a while without jobs the memory is given back.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import importlib
import json
import os
import re
import selectors
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setproctitle import getproctitle, setproctitle

from include.sockets import is_own

# Not Ray, which reads how it logs in while it is imported, and nothing that starts threads of its own that a fork would lose.
LIBRARIES = (
    *("numpy", "pandas", "pyarrow.parquet", "scipy.stats", "sklearn.ensemble", "sklearn.pipeline", "torch", "skops.io"),
    *("mlflow", "mlflow.tracking", "lakefs", "lakefs_sdk", "httpx", "sqlalchemy.orm", "sqlalchemy.dialects.sqlite"),
    *("pydantic_settings", "jinja2", "matplotlib.pyplot", "PIL.Image", "shap", "lime.lime_tabular", "fairlearn.metrics"),
    *("optuna", "onnx", "onnxruntime", "skl2onnx"),
)
COMMAND = [sys.executable, "-m", "include.jobs"]
SIGNALS = {signal.SIGTERM, signal.SIGINT}
OWN = re.compile(r"^(DEVMLOPS_|MLFLOW_TRACKING_SERVER_CERT_PATH$)")  # variables that no library reads while it is imported
MESSAGE_BYTES = 1 << 20
IDLE_S = 900.0
SOCKET = "jobs.sock"


def installation() -> str:
    """Return what tells one state of interpreter, installed packages and this file from another."""
    looked_at = [Path(__file__), *(Path(one) for one in sys.path if one.endswith("site-packages"))]
    states = [f"{one}:{one.stat().st_mtime_ns}" for one in looked_at if one.exists()]
    return hashlib.sha256("\n".join([sys.executable, sys.version, *states]).encode()).hexdigest()


def differing(here: dict[str, str], there: dict[str, str]) -> list[str]:
    """Return the names of variables that libraries may read and that are not the same in both environments."""
    names = {name for name in {*here, *there} if not OWN.match(name)}
    return sorted(name for name in names if here.get(name) != there.get(name))


@dataclass
class _Job:
    """A job that was forked.

    Attributes:
        pid: its process.
        handle: a file descriptor of the process, readable when that has ended.
        asker: the connection of whoever asked; None where that is closed.
        ended: its end was told to the asker.
    """

    pid: int
    handle: int
    asker: socket.socket | None
    ended: bool = False


class ForkServer:
    """The server.

    Args:
        path: of its socket; only its owner can reach it.
        libraries: modules that it imports when the first job asks.
        idle_s: seconds without jobs after which it begins anew, without what it imported.
        now: import before anybody asks.
    """

    def __init__(self, path: Path, libraries: tuple[str, ...] = LIBRARIES, idle_s: float = IDLE_S, now: bool = False) -> None:
        self.path, self.libraries, self.idle_s = path, libraries, idle_s
        self._environment = dict(os.environ)
        self._installation = installation()
        self._selector = selectors.DefaultSelector()
        self._jobs: list[_Job] = []
        self._imported = False
        self._last = time.monotonic()
        if now:
            self._import()

    def serve(self) -> None:
        """Answer until this process is told to end; its jobs go on without it."""
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        before = os.umask(0o177)
        listener.bind(str(self.path))
        os.umask(before)
        listener.listen(128)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        try:
            while True:
                for key, _ in self._selector.select(timeout=self.idle_s):
                    key.data(key.fileobj)
                    self._last = time.monotonic()
                if self._imported and not self._jobs and time.monotonic() - self._last >= self.idle_s:
                    os.execv(sys.executable, sys.orig_argv)
        finally:
            self.path.unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        if not is_own(connection):
            connection.close()
            return
        self._selector.register(connection, selectors.EVENT_READ, self._hear)
        self._say(connection, {"installation": self._installation})

    def _hear(self, connection: socket.socket) -> None:
        try:
            message, handles, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, 2)
        except OSError:
            message, handles = b"", []
        try:
            if not message:
                self._leave(connection)
                return
            asked = json.loads(message)
            command, environment, folder = [*map(str, asked["command"])], asked["environment"], asked["folder"]
            if len(handles) != 2 or command[: len(COMMAND)] != COMMAND or any(job.asker is connection for job in self._jobs):
                raise ValueError("not a job")
            if other := differing(self._environment, environment):
                raise ValueError(f"other variables: {', '.join(other)}")
            if not self._imported:
                self._say(connection, {"refused": "it imports first"})  # that job need not wait for what it may not use
                self._import()
                return
            pid = self._fork(command, environment, folder, handles)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            print(f"refused: {problem}", flush=True)
            self._say(connection, {"refused": str(problem)})
            return
        finally:
            for handle in handles:
                os.close(handle)
        print(f"job {' '.join(command[len(COMMAND) :][:1])} is process {pid}", flush=True)
        job = _Job(pid, os.pidfd_open(pid), connection)
        self._jobs.append(job)
        self._selector.register(job.handle, selectors.EVENT_READ, lambda _: self._ended(job))
        self._say(connection, {"pid": pid})

    def _import(self) -> None:
        for name in self.libraries:
            try:
                importlib.import_module(name)
            except Exception as problem:  # a job that needs it says so
                print(f"{name} cannot be imported: {problem}", flush=True)
        getproctitle()  # it finds its place while the variables of this process are still the first ones
        gc.collect()
        gc.freeze()  # so that no job copies pages only because its collector looked at them
        self._imported = True

    def _fork(self, command: list[str], environment: dict[str, str], folder: str, handles: list[int]) -> int:
        sys.stdout.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            return pid
        try:
            for handle in {key.fd for key in self._selector.get_map().values()} | {job.handle for job in self._jobs}:
                os.close(handle)  # nobody but the server may hold what it listens to
            self._selector.close()
            _become(command, environment, folder, handles)
        except BaseException:
            traceback.print_exc()
        os._exit(1)

    def _ended(self, job: _Job) -> None:
        """Tell how a job ended; it is reaped when the asker has heard it, so its id stays its own until then."""
        self._selector.unregister(job.handle)
        found = os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOWAIT)
        assert found is not None
        job.ended = True
        if job.asker is None:
            self._reap(job)
        else:
            self._say(job.asker, {"code": found.si_status if found.si_code == os.CLD_EXITED else -found.si_status})

    def _leave(self, connection: socket.socket) -> None:
        """Forget an asker; its job has ended, or ends because its lifeline is closed."""
        self._selector.unregister(connection)
        connection.close()
        for job in [one for one in self._jobs if one.asker is connection]:
            job.asker = None
            if job.ended:
                self._reap(job)

    def _reap(self, job: _Job) -> None:
        os.waitid(os.P_PID, job.pid, os.WEXITED)
        os.close(job.handle)
        self._jobs.remove(job)

    def _say(self, connection: socket.socket, what: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            connection.send(json.dumps(what).encode(), socket.MSG_NOSIGNAL)


def _become(command: list[str], environment: dict[str, str], folder: str, handles: list[int]) -> None:
    """Run a job in this process, as if it had just been started with that command, and end with it."""
    os.setsid()
    for number, handle in enumerate((handles[0], handles[1], handles[1])):
        os.dup2(handle, number)
    for handle in handles:
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.orig_argv, sys.argv = list(command), [str(Path(__file__).with_name("__main__.py")), *command[len(COMMAND) :]]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    importlib.invalidate_caches()
    setproctitle(" ".join(command))
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # its global generator would give the same numbers to every job; Python's own sees to itself
    from include.jobs.__main__ import run

    run()


def main(argv: list[str] | None = None) -> None:
    """Serve on the socket that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m include.jobs.fork_server", description="Fork jobs on this machine.")
    parser.add_argument("--socket", required=True, type=Path, metavar="PATH", help="where it listens")
    parser.add_argument("--libraries", nargs="*", default=LIBRARIES, metavar="NAME", help="modules that it holds for jobs")
    parser.add_argument("--idle", type=float, default=IDLE_S, metavar="SECONDS", help="without jobs, until it gives memory back")
    parser.add_argument("--now", action="store_true", help="import before the first job asks")
    asked = parser.parse_args(argv)
    ForkServer(asked.socket, tuple(asked.libraries), asked.idle, asked.now).serve()


if __name__ == "__main__":
    main()
