"""Whether Airflow's DAG processor has read every DAG file once: before, runs of DAGs that it has not seen are refused."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import psutil
from pathspec import GitIgnoreSpec

from include.local.health import Check
from include.local.places import Places
from include.local.supervisor import Program

READ = "SELECT relative_fileloc FROM dag UNION SELECT filename FROM import_error"


def all_read(dags: Path, places: Places, processor: Check) -> Check:
    """Return a check of the DAG processor that is content when it is healthy and has read all DAG files.

    The processor opens a log for each file when it begins with it, and takes one file after the other: so all are read
    where each has a log, and the newest belongs to a file that left something in the database, or to one that is over.

    Args:
        dags: the folder of DAG files.
        places: the platform's folders.
        processor: tells whether the processor itself works.
    """

    def check(program: Program) -> str | None:
        if problem := processor(program):
            return problem
        wanted = dag_files(dags)
        begun = _begun(places)
        if unread := wanted - set(begun):
            return f"reads DAG files: {len(wanted) - len(unread)} of {len(wanted)}"
        newest = max(begun, key=lambda name: begun[name], default=None)
        if newest is not None and _at_work(program.pid) and newest not in _kept(places.airflow_database):
            return f"reads {newest}, the last of {len(wanted)} DAG files"
        return None

    return check


def dag_files(folder: Path) -> set[str]:
    """Return the files below ``folder``, by their paths in it, that Airflow reads.

    These are the ones that speak of Airflow, and of DAGs or assets, and that ``.airflowignore`` does not leave out.
    """
    ignore = folder / ".airflowignore"
    left_out = GitIgnoreSpec.from_lines(ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else [])
    found = set()
    for path in folder.rglob("*.py"):
        name, text = path.relative_to(folder).as_posix(), path.read_bytes().lower()
        if b"airflow" in text and (b"dag" in text or b"asset" in text) and not left_out.match_file(name):
            found.add(name)
    return found


def _begun(places: Places) -> dict[str, float]:
    """Return when the log of each file was written last."""
    found: dict[str, float] = {}
    for log in places.dag_logs.glob("*/dags-folder/**/*.py.log"):
        name = Path(*log.relative_to(places.dag_logs).parts[2:]).as_posix().removesuffix(".log")
        with contextlib.suppress(FileNotFoundError):
            found[name] = max(found.get(name, 0), log.stat().st_mtime)
    return found


def _kept(database: Path) -> set[str]:
    """Return the files that gave a DAG, or an error that people see."""
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as connection,
    ):
        return {name for (name,) in connection.execute(READ)}
    return set()  # it is being made, or moved to another form


def _at_work(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).children())
    except psutil.Error:
        return False
