"""What checks code without running it, ruff, bandit and mypy, and what runs a piece of it within limits."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

LINT_RULES = "E4,E7,E9,F,B,PLE"
# Types of packages are not followed: reading torch's takes half a minute, and what is unknown then needs no annotation.
TYPES = "--follow-imports=skip --ignore-missing-imports --check-untyped-defs --disable-error-code=var-annotated"
TIMEOUT_S = 180
LOOK_S = 0.05
MOST_OUTPUT = 20_000

Finding = dict[str, Any]


class ToolError(RuntimeError):
    """A tool that could not do its work."""


class TookTooMuch(RuntimeError):
    """A process that went beyond a limit and was ended.

    Attributes:
        what: ``time`` or ``memory``.
        output: what it had written until then.
    """

    def __init__(self, what: str, problem: str, output: str) -> None:
        self.what, self.output = what, output
        super().__init__(problem)


def finding(tool: str, severity: str, file: str, line: int, rule: str, message: str) -> Finding:
    """Return one finding; ``severity`` is ``error`` or ``warning``."""
    return {"tool": tool, "severity": severity, "file": file, "line": line, "rule": rule, "message": message}


def lint(paths: Iterable[Path], root: Path) -> list[Finding]:
    """Return what ruff finds: broken syntax, unknown and unused names, what is likely an error; all are errors.

    Args:
        paths: Python files.
        root: folder that the findings' ``file`` is told from.
    """
    command = ["ruff", "check", "--isolated", "--no-cache", "--target-version", "py311", "--output-format", "json"]
    rows = json.loads(run_tool([*command, "--select", LINT_RULES, *map(str, paths)], (0, 1)))
    return [
        finding(
            "ruff", "error", _in(row["filename"], root), row["location"]["row"], row["code"] or "invalid-syntax", row["message"]
        )
        for row in rows
    ]


def security(paths: Iterable[Path], root: Path) -> list[Finding]:
    """Return what bandit finds; what it calls low is a warning."""
    out = json.loads(run_tool(["bandit", "-q", "-f", "json", *map(str, paths)], (0, 1)))
    return [
        finding(
            "bandit",
            "warning" if row["issue_severity"] == "LOW" else "error",
            _in(row["filename"], root),
            row["line_number"],
            row["test_id"],
            row["issue_text"],
        )
        for row in out["results"]
    ]


def types(paths: Sequence[Path], package: Path, root: Path) -> list[Finding]:
    """Return what mypy finds; all are errors.

    Args:
        paths: Python files.
        package: folder that their imports are resolved from.
        root: as of `lint`.
    """
    options = ["--explicit-package-bases", "--namespace-packages", "--no-incremental", f"--cache-dir={os.devnull}"]
    inside = [str(path.relative_to(package)) for path in paths]
    command = ["mypy", "--config-file=", *TYPES.split(), *options, "--python-version", "3.11", "--output", "json", *inside]
    rows = [json.loads(line) for line in run_tool(command, (0, 1, 2), package).splitlines() if line.startswith("{")]
    return [
        finding(
            "mypy", "error", _in(str(package / row["file"]), root), max(1, row["line"]), row["code"] or "syntax", row["message"]
        )
        for row in rows
        if row["severity"] == "error"
    ]


def run_tool(arguments: Sequence[str], expected: Sequence[int], cwd: Path | None = None) -> str:
    """Run ``python -m arguments`` without anything secret around it, and return what it wrote.

    Raises:
        ToolError: it ended otherwise than expected, or not in time.
    """
    command = [sys.executable, "-m", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, env=bare(), cwd=cwd)
    except subprocess.TimeoutExpired as cause:
        raise ToolError(f"{arguments[0]} did not end within {TIMEOUT_S} s") from cause
    if done.returncode not in expected:
        tail = (done.stderr.strip() or done.stdout.strip())[-1000:]
        raise ToolError(f"{arguments[0]} ended with {done.returncode}: {tail}")
    return done.stdout


def run_limited(command: Sequence[str], seconds: float, megabytes: int, cwd: Path | None = None) -> tuple[int, str]:
    """Run foreign code in a process group of its own, and return exit code and output.

    Args:
        command: what to run.
        seconds: it is ended after this time.
        megabytes: it is ended when it and its children hold more memory.
        cwd: its folder.

    Raises:
        TookTooMuch: it was ended.
    """
    with tempfile.TemporaryFile("w+b") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=bare(), cwd=cwd, start_new_session=True
        )
        try:
            problem, end = None, time.monotonic() + seconds
            while process.poll() is None and problem is None:
                if time.monotonic() > end:
                    problem = ("time", f"did not end within {seconds:g} s")
                elif _held(process.pid) > megabytes * 2**20:
                    problem = ("memory", f"took more than {megabytes:,} MB of memory")
                time.sleep(LOOK_S)
        finally:
            with contextlib.suppress(ProcessLookupError):  # whatever it started goes with it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(max(0, out.seek(0, os.SEEK_END) - MOST_OUTPUT))
        text = out.read().decode("utf-8", "replace")
    if problem:
        raise TookTooMuch(*problem, text)
    return process.returncode, text


def bare() -> dict[str, str]:
    """Return this process's variables without the product's and Airflow's, which hold credentials."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("DEVMLOPS_", "AIRFLOW", "_AIRFLOW"))}


def _held(pid: int) -> int:
    import psutil

    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.Error:
        pass
    return total


def _in(file: str, root: Path) -> str:
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
