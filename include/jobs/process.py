"""The process of a job on this machine: forked where the fork server is there, else started anew."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
from pathlib import Path
from typing import IO, Protocol

from include.jobs.fork_server import MESSAGE_BYTES, SOCKET, installation
from include.sockets import is_own, socket_path

GREETED_WITHIN_S = 30.0  # a server that imports what jobs need takes its time
FORKED_WITHIN_S = 60.0


class Process(Protocol):
    """A job's process, the leader of its own session and group.

    Attributes:
        pid: its own until `reap`.
        stdin: the lifeline.
        stdout: what the job writes.
        returncode: exit code, or a signal's number below 0; None before `reap`.
    """

    pid: int
    stdin: IO[str]
    stdout: IO[str]
    returncode: int | None

    def wait_for_end(self) -> None:
        """Wait until it has ended."""

    def reap(self) -> None:
        """Let it go; its id may be another's from now on."""


def start(command: list[str], environment: dict[str, str], folder: Path, home: Path | None, result: Path) -> Process:
    """Start a job.

    Args:
        command: with its arguments.
        environment: all its variables.
        folder: that it works in.
        home: whose fork server is asked first; None asks none.
        result: the file that the job writes as its last deed.
    """
    forked = fork(command, environment, folder, home, result) if home else None
    return forked or Spawned(command, environment, folder)


class Spawned:
    """A child of this process."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self._child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        assert self._child.stdin is not None and self._child.stdout is not None
        self.pid, self.stdin, self.stdout = self._child.pid, self._child.stdin, self._child.stdout
        self.returncode: int | None = None

    def wait_for_end(self) -> None:
        """Wait until it has ended; it is not reaped."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def reap(self) -> None:
        """Let it go."""
        self.returncode = self._child.wait()


class Forked:
    """A child of the fork server.

    Args:
        pid: of the job.
        handle: a file descriptor of its process.
        connection: to the server, which keeps the job's id until this is closed.
        stdin: the lifeline.
        stdout: what the job writes.
        result: the file that the job writes as its last deed.
    """

    def __init__(self, pid: int, handle: int, connection: socket.socket, stdin: IO[str], stdout: IO[str], result: Path) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None
        self._handle, self._connection, self._result = handle, connection, result
        self._code: int | None = None

    def wait_for_end(self) -> None:
        """Wait until it has ended, also where the server goes away before that."""
        with contextlib.suppress(OSError, ValueError):
            if said := self._connection.recv(MESSAGE_BYTES):
                self._code = int(json.loads(said)["code"])
        if self._code is None:
            poll = select.poll()
            poll.register(self._handle, select.POLLIN)
            poll.poll()
            self._code = 0 if self._result.is_file() else 1  # only its parent could have learnt it

    def reap(self) -> None:
        """Let it go."""
        self._connection.close()
        os.close(self._handle)
        self.returncode = self._code


def fork(command: list[str], environment: dict[str, str], folder: Path, home: Path, result: Path) -> Forked | None:
    """Let the fork server start a job; None where there is none, or it cannot start this one."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(GREETED_WITHIN_S)
    given: list[int] = []
    kept: list[int] = []
    try:
        connection.connect(str(socket_path(home, SOCKET)))
        if not is_own(connection):
            raise ValueError("it is somebody else's")  # who would be given the job's credentials
        if json.loads(connection.recv(MESSAGE_BYTES))["installation"] != installation():
            raise ValueError("it holds another installation")
        for ours in (1, 0):
            pair = os.pipe()
            kept.append(pair[ours])
            given.append(pair[1 - ours])
        asked = {"command": command, "environment": environment, "folder": str(folder)}
        socket.send_fds(connection, [json.dumps(asked).encode()], given)
        connection.settimeout(FORKED_WITHIN_S)
        pid = int(json.loads(connection.recv(MESSAGE_BYTES))["pid"])
        handle = os.pidfd_open(pid)
    except (OSError, ValueError, KeyError):
        for end in kept:
            os.close(end)  # a job that started all the same ends by that
        connection.close()
        return None
    finally:
        for end in given:
            os.close(end)
    connection.settimeout(None)
    stdin, stdout = os.fdopen(kept[0], "w"), os.fdopen(kept[1], encoding="utf-8", errors="replace")
    return Forked(pid, handle, connection, stdin, stdout, result)
