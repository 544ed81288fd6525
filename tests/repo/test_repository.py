"""The repository keeps its own rules."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def sources(*folders: str) -> list[Path]:
    return [p for f in folders for p in sorted((ROOT / f).rglob("*.py")) if p.name != "__init__.py"]


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["lint-imports"], ["mypy"]],
    ids=["ruff", "format", "layers", "mypy"],
)
def test_lint(command):
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_every_operator_is_used_by_a_dag_and_tested():
    classes = {
        name
        for path in sources("operators")
        for name in re.findall(r"^class ([A-Z]\w+(?:Operator|Sensor|Trigger))\(", path.read_text(), re.M)
        if name not in ("ProjectOperator", "JobOperator")
    }
    assert len(classes) > 15
    dags = "".join(p.read_text() for p in sources("dags")) + "".join(p.read_text() for p in sources("operators"))
    tests = "".join(p.read_text() for p in sources("tests"))
    assert not {c for c in classes if dags.count(c) < 2}, "used nowhere"
    assert not {c for c in classes if c not in tests}, "tested nowhere"


def test_nothing_names_a_folder_of_one_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    mine = re.compile(r"/(?:work|root|home/\w+|farm)/")
    found = [t for t in tracked if (ROOT / t).is_file() and mine.search((ROOT / t).read_text(errors="ignore"))]
    assert found == []
