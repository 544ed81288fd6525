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

from include.local.places import MARK
from include.local.processes import SERVICE, end, marked


def forget(database: str, statement: str) -> None:
    """Run ``statement`` on a SQLite file that exists; tell its service's server that its predecessor is dead."""
    if Path(database).is_file():
        with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            connection.execute(statement)


def main(spec: Path) -> None:
    """Become the service that the JSON file ``spec`` describes: name, home, command, environment, folder, before."""
    service = json.loads(spec.read_text(encoding="utf-8"))
    end(marked(Path(service["home"]), service["name"]), grace_s=0)
    if service["before"]:
        with contextlib.suppress(sqlite3.OperationalError):  # no such table yet, or busy: the server finds out by itself
            forget(*service["before"])
    os.chdir(service["folder"])
    environment = {**service["environment"], MARK: service["home"], SERVICE: service["name"]}
    os.execvpe(service["command"][0], service["command"], environment)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
