from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from include.local.__main__ import main
from include.local.ports import PREFERRED


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "h" / "run").mkdir(parents=True)
    (tmp_path / "h" / "run" / "ports.json").write_text(json.dumps(dict.fromkeys(PREFERRED, 0)))
    return tmp_path / "h"


def test_status_of_a_platform_that_is_down(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "status"]) == 3
    shown = capsys.readouterr().out
    assert "not running" in shown
    password = json.loads((home / "secrets.json").read_text())["passwords"]["approver2"]
    assert password in shown


def test_env_is_for_a_shell(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "env"]) == 0
    printed = capsys.readouterr().out
    done = subprocess.run(["bash", "-c", f"{printed}\necho $DEVMLOPS_HOME $AIRFLOW_HOME"], capture_output=True, text=True)
    assert done.stdout.split() == [str(home), str(home / "airflow")]
    names = [shlex.split(line)[1].partition("=")[0] for line in printed.splitlines()]
    assert "DEVMLOPS_PLATFORM" not in names, "`down` would end the shell itself"


def test_down_of_what_never_ran(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "down"]) == 0
    assert "is down" in capsys.readouterr().out


def test_an_error_is_one_line_and_a_code(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "secrets.json").write_text("{")
    assert main(["--home", str(home), "status"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert "make clean" in shown


def test_logs_without_logs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "logs").mkdir()
    (home / "logs" / "mlflow.log").write_text("첫 줄\nlast line\n")
    assert main(["--home", str(home), "logs", "mlflow", "--lines", "1"]) == 0
    shown = capsys.readouterr().out
    assert "last line" in shown
    assert "첫 줄" not in shown
