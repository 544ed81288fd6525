"""Drives supervisord, which starts, restarts and stops the services and turns their logs over."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from include import sockets
from include.local.errors import SupervisorError
from include.local.places import MARK, ROOT, Places, write_private

PROGRAM = """
[program:{name}]
command={python} -m include.local.child {spec}
directory={root}
autostart=false
autorestart=true
startsecs=2
startretries=3
stopasgroup=true
killasgroup=true
stopwaitsecs=8
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""

DAEMON = """; Written by `make up`; changes are overwritten.
[supervisord]
logfile={logs}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile={run}/supervisord.pid
childlogdir={logs}
directory={root}
identifier=devmlops
umask=077

[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


@dataclass(frozen=True)
class Program:
    """How supervisord sees one service.

    Attributes:
        name: the service.
        state: RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL, STOPPING or UNKNOWN.
        pid: process id, 0 where there is none.
        started_at: when it was started last, seconds since 1970.
    """

    name: str
    state: str
    pid: int
    started_at: float

    @property
    def is_up(self) -> bool:
        """Return whether the process is there or coming."""
        return self.state in ("RUNNING", "STARTING")


def socket_path(places: Places) -> Path:
    """Return the control socket."""
    return sockets.socket_path(places.home, "supervisor.sock")


def spec_path(places: Places, name: str) -> Path:
    """Return the file that tells `include.local.child` what service ``name`` is."""
    return places.run / f"{name}.json"


def log_path(places: Places, name: str) -> Path:
    """Return the log of service ``name``."""
    return places.logs / f"{name}.log"


def configuration(places: Places, names: Iterable[str]) -> str:
    """Return supervisord's configuration for the services ``names``; it holds no secret."""

    def value(thing: object) -> str:
        return str(thing).replace("%", "%%")

    def word(thing: object) -> str:
        return shlex.quote(value(thing))

    daemon = DAEMON.format(logs=value(places.logs), run=value(places.run), root=value(ROOT), socket=value(socket_path(places)))
    programs = (
        PROGRAM.format(
            name=name,
            python=word(sys.executable),
            spec=word(spec_path(places, name)),
            root=value(ROOT),
            log=value(log_path(places, name)),
        )
        for name in names
    )
    return daemon + "".join(programs)


class Supervisor:
    """supervisord of one platform.

    Args:
        places: the platform's folders.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.file = places.run / "supervisord.conf"

    def _call(self, method: str, *arguments: object) -> object:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{socket_path(self.places)}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server, method)(*arguments)

    def is_alive(self) -> bool:
        """Return whether supervisord answers."""
        with contextlib.suppress(OSError, xmlrpc.client.Error, ValueError):
            return self._call("supervisor.getState") is not None
        return False

    def is_current(self, names: Iterable[str]) -> bool:
        """Return whether the running supervisord was started for exactly these services on this Python."""
        return self.file.is_file() and self.file.read_text(encoding="utf-8") == configuration(self.places, names)

    def start(self, names: Iterable[str], environment: dict[str, str], timeout_s: float = 15) -> None:
        """Start supervisord with all services stopped.

        Raises:
            SupervisorError: it does not answer in time; its last log lines are in the message.
        """
        socket_path(self.places).unlink(missing_ok=True)
        write_private(self.file, configuration(self.places, names))
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.file)],
            env={**environment, MARK: str(self.places.home)},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        end = time.monotonic() + timeout_s
        while done.returncode == 0 and time.monotonic() < end:
            if self.is_alive():
                return
            time.sleep(0.05)
        raise SupervisorError(f"supervisord did not start: {done.stdout.strip() or tail(self.places.logs / 'supervisord.log')}")

    def programs(self) -> dict[str, Program]:
        """Return all services as supervisord sees them; empty where it does not run."""
        try:
            rows = self._call("supervisor.getAllProcessInfo")
        except (OSError, xmlrpc.client.Error, ValueError):
            return {}
        assert isinstance(rows, list)
        return {r["name"]: Program(r["name"], r["statename"], int(r["pid"]), float(r["start"])) for r in rows}

    def start_program(self, name: str) -> None:
        """Start one service without waiting for it; nothing happens where it runs."""
        try:
            self._call("supervisor.startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise SupervisorError(f"{name} cannot be started: {fault.faultString}") from fault

    def stop_program(self, name: str) -> None:
        """Stop one service and wait until it is gone."""
        with contextlib.suppress(xmlrpc.client.Fault):
            self._call("supervisor.stopProcess", name, True)

    def shutdown(self, timeout_s: float = 20) -> None:
        """Stop all services at once, then supervisord; return when it is gone or the time is up."""
        with contextlib.suppress(OSError, xmlrpc.client.Error, ValueError, psutil.Error):
            process = psutil.Process(int(str(self._call("supervisor.getPID"))))
            self._call("supervisor.stopAllProcesses", True)
            self._call("supervisor.shutdown")
            process.wait(timeout_s)


def tail(file: Path, lines: int = 15) -> str:
    """Return the last ``lines`` lines of a log, empty where there is none."""
    with contextlib.suppress(FileNotFoundError), file.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - 64 * 1024))
        return "\n".join(stream.read().decode("utf-8", "replace").splitlines()[-lines:])
    return ""
