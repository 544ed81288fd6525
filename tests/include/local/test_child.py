from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import psutil

from include.local.places import MARK
from include.local.processes import SERVICE


def spec(tmp_path: Path, code: str, before: list[str] | None = None, ends: list[str] | None = None, **environment: str) -> Path:
    file = tmp_path / "one.json"
    content = {
        "name": "one",
        "home": str(tmp_path),
        "command": [sys.executable, "-c", code],
        "environment": {"PATH": os.environ["PATH"], **environment},
        "folder": str(tmp_path),
        "before": before,
        "ends": ["one", "helper"] if ends is None else ends,
    }
    file.write_text(json.dumps(content))
    return file


def run(file: Path) -> str:
    command = [sys.executable, "-m", "include.local.child", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "NOT_ITS": "x"})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_becomes_the_service_with_exactly_its_environment(tmp_path: Path) -> None:
    code = "import os, json; print(json.dumps([dict(os.environ), os.getcwd()]))"
    environment, folder = json.loads(run(spec(tmp_path, code, KEY="값 %(x)s ;")))
    assert environment["KEY"] == "값 %(x)s ;"
    assert (environment[MARK], environment[SERVICE], folder) == (str(tmp_path), "one", str(tmp_path))
    assert "NOT_ITS" not in environment


def test_what_its_predecessor_left_behind_is_ended_first(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    mark = {MARK: str(tmp_path), "PATH": os.environ["PATH"]}
    left = subprocess.Popen(sleep, env={**mark, SERVICE: "one"})
    other = subprocess.Popen(sleep, env={**mark, SERVICE: "two"})
    try:
        run(spec(tmp_path, "print('on')"))
        assert left.wait(5) == -9
        assert other.poll() is None
    finally:
        other.kill()
        left.kill()
        other.wait()


def test_what_another_service_started_for_it_is_ended_and_that_service_is_not(tmp_path: Path) -> None:
    mark = {MARK: str(tmp_path), "PATH": os.environ["PATH"], SERVICE: "helper"}
    sleep = "[sys.executable, '-c', 'import time; time.sleep(60)']"
    code = f"import subprocess, sys; child = subprocess.Popen({sleep}); print(child.pid, flush=True); child.wait()"
    helper = subprocess.Popen([sys.executable, "-c", code], env=mark, stdout=subprocess.PIPE, text=True)
    try:
        assert helper.stdout is not None
        started = psutil.Process(int(helper.stdout.readline()))
        run(spec(tmp_path, "print('on')", ends=[]))
        assert started.is_running()
        run(spec(tmp_path, "print('on')"))
        assert not started.is_running()
        assert helper.wait(10) == 0  # by itself: its child was gone
    finally:
        helper.kill()
        helper.wait()
        helper.stdout.close()


def test_the_predecessors_entry_is_closed(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE job (state TEXT)")
        connection.execute("INSERT INTO job VALUES ('running')")
    run(spec(tmp_path, "print('on')", [str(database), "UPDATE job SET state = 'failed'"]))
    assert sqlite3.connect(database).execute("SELECT state FROM job").fetchone() == ("failed",)


def test_no_database_yet_is_no_fault(tmp_path: Path) -> None:
    assert run(spec(tmp_path, "print('on')", [str(tmp_path / "none.db"), "UPDATE job SET state = 1"])) == "on"
    assert not (tmp_path / "none.db").exists()
