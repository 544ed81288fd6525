"""`.ci/bootstrap`, which must work before anything is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "dirname", "mkdir", "rm", "cat", "sha256sum", "cut", "grep", "flock", "env")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "bootstrap", tmp_path / ".ci" / "bootstrap")
    (tmp_path / "requirements.txt").write_text("uv==0.0.1\n")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def run(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(checkout / "bin"), "HOME": os.environ.get("HOME", "/"), **environment}
    return subprocess.run(
        [checkout / ".ci" / "bootstrap", "requirements.txt"], env=env, cwd="/", capture_output=True, text=True, timeout=60
    )


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)


def test_without_a_fit_python_it_says_what_is_needed(checkout: Path) -> None:
    script(checkout / "bin" / "python3", "exit 1")
    done = run(checkout)
    assert done.returncode != 0
    assert "no Python 3.11, 3.12 or 3.13 found" in done.stderr


def test_without_the_venv_module_it_says_what_to_install(checkout: Path) -> None:
    script(checkout / "bin" / "python3", '[[ $1 != -m ]] && { [[ $1 == --version ]] && echo "Python 3.12.1"; exit 0; }; exit 1')
    done = run(checkout)
    assert done.returncode != 0
    assert "python3-venv" in done.stderr


def test_the_newest_fit_python_is_taken(checkout: Path) -> None:
    for version in ("3.11", "3.13"):
        script(checkout / "bin" / f"python{version}", f'[[ $1 == --version ]] && echo "Python {version}.0"; [[ $1 != -m ]]')
    assert "with Python 3.13.0" in run(checkout).stdout
    script(checkout / "bin" / "python3.13", "exit 127")
    assert "with Python 3.11.0" in run(checkout).stdout


def test_what_is_installed_is_not_installed_again_until_it_changes(checkout: Path) -> None:
    python = checkout / ".devmlops" / "venv" / "bin" / "python"
    calls = checkout / "calls"
    script(python, f'echo "$*" >> {calls}; if [[ $2 == uv ]]; then echo "uv 0.0.1"; else echo "Python 3.11.7"; fi')
    assert run(checkout).returncode == 0
    assert "-m uv pip install" in calls.read_text()
    assert "pip install --quiet uv" not in calls.read_text()
    calls.unlink()
    assert run(checkout).returncode == 0
    assert "install" not in calls.read_text()
    (checkout / "requirements.txt").write_text("uv==0.0.2\n")
    assert run(checkout).returncode == 0
    assert "-m pip install --quiet uv==0.0.2" in calls.read_text()


def test_an_installation_that_failed_is_tried_again(checkout: Path) -> None:
    script(checkout / ".devmlops" / "venv" / "bin" / "python", '[[ "$*" == *"uv pip install"* ]] && exit 1; echo "uv 0.0.1"')
    assert run(checkout).returncode != 0
    assert not list((checkout / ".devmlops" / "venv").glob(".installed-*"))


def test_make_alone_lists_the_commands() -> None:
    done = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, timeout=60)
    for command in ("demo", "test", "up", "down", "status", "clean", "lint", "lock", "benchmarks"):
        assert f"make {command} " in done.stdout
    assert sys.version_info >= (3, 11)
