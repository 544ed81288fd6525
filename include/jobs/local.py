"""Running a job on this machine, as a child process whose whole group ends with it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.jobs import memory
from include.jobs.errors import JobFailed, JobKilled, JobOutOfMemory, JobRefused, JobTimeout, NotHere
from include.jobs.process import Process, start
from include.jobs.registry import find
from include.jobs.request import QUIET, WITHHELD, Request
from include.jobs.spec import write_json
from include.settings import ROOT, Settings

TAIL_LINES = 40
GRACE_S = 8.0


def _show(line: str) -> None:
    print(line, flush=True)


class LocalJob:
    """One run of one job on this machine.

    The job is the leader of a process group. Whatever it starts is ended with it: when it is done, when it is
    killed, and when this process dies, because the job reads a pipe that only this process holds open.

    Args:
        name: of the job (`include.jobs.registry`).
        project: the project's name.
        args: of the job's function, JSON.
        settings: reach the job through its environment, never through its command line.
        request: the same with the environment that the job runs in; None is one that gives and limits nothing.
    """

    def __init__(self, name: str, project: str, args: dict[str, Any], settings: Settings, request: Request | None = None) -> None:
        self.name, self.project, self.args, self.settings, self.request = name, project, args, settings, request
        self.process: Process | None = None
        self.killed = self.timed_out = False
        self.took = 0  # bytes of memory, where that was more than its environment gives
        self._gone = threading.Event()

    def run(self, on_line: Callable[[str], None] = _show) -> dict[str, Any]:
        """Run it to its end.

        Args:
            on_line: called with each line that the job writes, while it runs, in this thread.

        Returns:
            The job's result.

        Raises:
            SpecError: there is no such job.
            JobRefused: its error is final: bad spec, bad input, a gate not passed.
            NotHere: its environment asks for GPUs that this machine has not.
            JobTimeout: it took longer than its environment allows.
            JobOutOfMemory: it took more memory than its environment gives, or the system ended it because memory ran out.
            JobKilled: a signal ended it.
            JobFailed: anything else; the message is the job's own.
        """
        find(self.name)
        self._check()
        parent = self.settings.home / "jobs"
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=parent))
        try:
            write_json(folder / "spec.json", {"project": self.project, "args": self.args})
            return self._run(folder, on_line)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self, folder: Path, on_line: Callable[[str], None]) -> dict[str, Any]:
        result = folder / "result.json"
        command = [sys.executable, "-m", "include.jobs", self.name, "--lifeline"]
        command += ["--spec", str(folder / "spec.json"), "--result", str(result)]
        kills_before, tail = oom_kills(), deque[str](maxlen=TAIL_LINES)
        limited = self.request is not None and self.request.environment.memory is not None
        home = None if limited else self.settings.home  # what it shared with the server would count as its own
        process = self.process = start(command, self.environment(), ROOT, home, result)
        watcher = threading.Thread(target=self._watch, args=(process,), daemon=True, name=f"job {self.name}")
        watcher.start()
        scale = threading.Thread(target=self._weigh, args=(process.pid,), daemon=True, name=f"memory of job {self.name}")
        scale.start()
        timer = self._timer()
        try:
            if self.killed:  # kill() was called before the process was there
                self.kill()
            for line in process.stdout:
                tail.append(line.rstrip("\n"))
                on_line(tail[-1])
        finally:
            timer.cancel()
            self._end(0 if self._gone.is_set() else GRACE_S)
            watcher.join()
            scale.join()
            process.stdout.close()
            with contextlib.suppress(OSError):
                process.stdin.close()
        assert process.returncode is not None
        return self._outcome(process.returncode, result, list(tail), oom_kills() > kills_before)

    def _watch(self, process: Process) -> None:
        """When the job is gone, end what it left in its group; it is not reaped before, so its id stays its own."""
        process.wait_for_end()
        self._gone.set()
        self._signal(signal.SIGKILL)
        process.reap()

    def _weigh(self, pid: int) -> None:
        """End the job when all its processes together take more memory than its environment gives."""
        limit = self.request.environment.memory_bytes if self.request else None
        while limit and not self._gone.wait(memory.LOOK_S):
            there = memory.family(pid)
            took = memory.used(there, limit)
            if took > limit and not self._gone.is_set():
                self.took = took
                memory.end(there)
                return

    def _check(self) -> None:
        wanted = self.request.environment if self.request else None
        if wanted and wanted.gpu and wanted.gpu > (there := gpus()):
            what = f"it asks for {wanted.gpu:g} GPUs, and this machine has {there}"
            raise NotHere(self.name, wanted.name, what, "choose an environment with GPUs, or one that asks for none")

    def _timer(self) -> threading.Timer:
        limit = self.request.environment.timeout_s if self.request else None
        timer = threading.Timer(limit or 0, self._time_out)
        timer.daemon = True
        if limit is not None:
            timer.start()
        return timer

    def _time_out(self) -> None:
        self.timed_out = True
        self._end(GRACE_S)

    def _outcome(self, code: int, result: Path, tail: list[str], oom: bool) -> dict[str, Any]:
        if self.timed_out and self.request and not self.killed:
            environment = self.request.environment
            raise JobTimeout(self.name, environment.timeout_minutes or 0, environment.name, tail)
        if code == 0:
            value = json.loads(result.read_text(encoding="utf-8"))
            if not isinstance(value, dict):
                raise JobFailed(self.name, code, tail, f"job {self.name} gave {type(value).__name__}, not a dict")
            return value
        if self.took and code != 0 and self.request and not self.killed:
            raise JobOutOfMemory(self.name, tail, self.request.environment, self.took)
        number = -code if code < 0 else code - 128 if code > 128 else 0
        if number == signal.SIGKILL and oom and not self.killed:
            raise JobOutOfMemory(self.name, tail)
        if number:
            raise JobKilled(self.name, number, tail)
        raise (JobRefused if code in (2, 3) else JobFailed)(self.name, code, tail)

    def kill(self, grace_s: float = GRACE_S) -> None:
        """End the job and everything it started; may be called twice, from any thread, and before it started.

        Args:
            grace_s: seconds it has to clean up before it is ended by force.
        """
        self.killed = True
        self._end(grace_s)

    def _end(self, grace_s: float) -> None:
        if self.process is None:
            return
        self._signal(signal.SIGTERM, whole=False)  # the job ends its children in order; pulling them away breaks that
        if not self._gone.wait(grace_s):
            self._signal(signal.SIGKILL)
            self._gone.wait(5)

    def _signal(self, number: int, whole: bool = True) -> None:
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            (os.killpg if whole else os.kill)(process.pid, number)

    def environment(self) -> dict[str, str]:
        """Return the child's environment: this one's without Airflow's, and the settings."""
        kept = {name: value for name, value in os.environ.items() if not WITHHELD.match(name)}
        path = dict.fromkeys([str(ROOT), *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))])
        asked = self.request
        wanted = {**asked.extent(), **asked.environment.variables(), **asked.secrets} if asked else {}
        return {**kept, **QUIET, "PYTHONPATH": os.pathsep.join(path), **self.settings.environment(), **wanted}


def run_local(
    name: str, project: str, args: dict[str, Any], settings: Settings, on_line: Callable[[str], None] = _show
) -> dict[str, Any]:
    """Run one job on this machine and return its result; see `LocalJob.run`. An exception ends the job."""
    return LocalJob(name, project, args, settings).run(on_line)


def gpus() -> int:
    """Return how many GPUs of NVIDIA this machine has."""
    try:
        return len(list(Path("/proc/driver/nvidia/gpus").iterdir()))
    except OSError:
        return 0


def oom_kills() -> int:
    """Return how many processes the system has ended for memory, in this process's control group or on the machine."""
    total = 0
    try:
        group = Path("/proc/self/cgroup").read_text(encoding="utf-8").split("::", 1)[1].splitlines()[0]
        places = [Path("/sys/fs/cgroup" + group.rstrip("/"), "memory.events"), Path("/proc/vmstat")]
    except (OSError, IndexError):
        places = [Path("/proc/vmstat")]
    for place in places:
        with contextlib.suppress(OSError):
            found = re.search(r"^oom_kill (\d+)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            total += int(found[1]) if found else 0
    return total
