from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from include.local.dag_files import all_read, dag_files
from include.local.places import Places
from include.local.supervisor import Program

DAG = "from airflow.sdk import DAG\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "집")
    made.make()
    with sqlite3.connect(made.airflow_database) as database:
        database.execute("CREATE TABLE dag (relative_fileloc TEXT)")
        database.execute("CREATE TABLE import_error (filename TEXT)")
    database.close()
    return made


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.py", "b.py", "sub/c.py", "ignored.py"):
        (folder / name).write_text(DAG)
    (folder / "helper.py").write_text("speaks of nothing = 1\n")
    (folder / ".airflowignore").write_text("# not these\nignored.py\n")
    return folder


def begin(places: Places, name: str, at: float, day: str = "2026-11-21") -> None:
    log = places.dag_logs / day / "dags-folder" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    os.utime(log, (at, at))


def keep(places: Places, table: str, column: str, name: str) -> None:
    with sqlite3.connect(places.airflow_database) as database:
        database.execute(f"INSERT INTO {table} ({column}) VALUES (?)", (name,))
    database.close()


def idle() -> Program:
    return Program("dag-processor", "RUNNING", 0, 0)


def test_airflow_reads_what_speaks_of_it_and_is_not_ignored(dags: Path) -> None:
    assert dag_files(dags) == {"a.py", "b.py", "sub/c.py"}


def test_it_is_ready_when_every_file_was_begun_and_none_is_in_work(dags: Path, places: Places) -> None:
    check = all_read(dags, places, lambda program: None)
    assert check(idle()) == "reads DAG files: 0 of 3"
    begin(places, "a.py", 1)
    begin(places, "sub/c.py", 2, day="2026-11-22")
    assert check(idle()) == "reads DAG files: 2 of 3"
    begin(places, "b.py", 3)
    assert check(idle()) is None


@pytest.mark.parametrize(("table", "column"), [("dag", "relative_fileloc"), ("import_error", "filename")])
def test_the_last_file_is_waited_for_until_airflow_kept_it(dags: Path, places: Places, table: str, column: str) -> None:
    for at, name in enumerate(("a.py", "sub/c.py", "b.py")):
        begin(places, name, at)
    check = all_read(dags, places, lambda program: None)
    # A processor with a child has a file in work.
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    processor = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    try:
        at_work = Program("dag-processor", "RUNNING", processor.pid, 0)
        while check(at_work) is None:  # until its child is there
            assert processor.poll() is None
        assert check(at_work) == "reads b.py, the last of 3 DAG files"
        keep(places, table, column, "b.py")
        assert check(at_work) is None
    finally:
        processor.communicate(b"\n")


def test_a_processor_that_is_ill_says_so_first(dags: Path, places: Places) -> None:
    assert all_read(dags, places, lambda program: "waits for its first heartbeat")(idle()) == "waits for its first heartbeat"


def test_a_database_that_is_being_made_is_waited_for(dags: Path, tmp_path: Path) -> None:
    places = Places(tmp_path / "new")
    for at, name in enumerate(("a.py", "b.py", "sub/c.py")):
        begin(places, name, at)
    own = Program("dag-processor", "RUNNING", os.getpid(), 0)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert all_read(dags, places, lambda program: None)(own) == "reads sub/c.py, the last of 3 DAG files"
    finally:
        child.communicate(b"\n")
