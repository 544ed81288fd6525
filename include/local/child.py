"""Starts one service under the supervisor: ``python -m include.local.child SPEC``.

What a service needs is read from a file that only its owner can read, so that no secret stands in an argument
list. A service that was killed leaves children behind (Airflow's workers, their tasks and jobs); they are ended
before the service starts again, because their work is given out again. Then this process becomes the service.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path

import psutil

from include.local.places import MARK
from include.local.processes import SERVICE, end, marked


def forget(database: str, statement: str) -> None:
    """Run ``statement`` on a SQLite file that exists; tell its service's server that its predecessor is dead."""
    if Path(database).is_file():
        with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            connection.execute(statement)


def left_over(home: Path, name: str, services: list[str]) -> list[psutil.Process]:
    """Return what services at ``home`` left behind.

    Args:
        home: of the platform.
        name: the service that starts; all that carries its mark is left over.
        services: it, and others that did its work: of these, the supervisor's own child, as this process is, goes on.
    """
    found = {one: marked(home, one) for one in services}
    return [p for one, there in found.items() for p in there if one == name or _parent(p) != os.getppid()]


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.Error:
        return 0


def main(spec: Path) -> None:
    """Become the service that the JSON file ``spec`` describes, see `include.local.services.Service.write_spec`."""
    service = json.loads(spec.read_text(encoding="utf-8"))
    end(left_over(Path(service["home"]), service["name"], service["ends"]), grace_s=0)
    if service["before"]:
        with contextlib.suppress(sqlite3.OperationalError):  # no such table yet, or busy: the server finds out by itself
            forget(*service["before"])
    os.chdir(service["folder"])
    environment = {**service["environment"], MARK: service["home"], SERVICE: service["name"]}
    os.execvpe(service["command"][0], service["command"], environment)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
