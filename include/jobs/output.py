"""What a job writes, and what its end means, where it does not run beside its task."""

from __future__ import annotations

import json
import signal
from collections import deque
from typing import Any

from include.jobs.errors import JobFailed, JobKilled, JobOutOfMemory, JobRefused, JobTimeout
from include.jobs.request import OnLine, Request
from include.jobs.spec import result_of

TAIL_LINES = 40
NOT_RUNNABLE = (126, 127)  # what a shell and container engines say where there is no such program


class Output:
    """Passes a job's lines on, and keeps the last ones and the result.

    Args:
        request: the job.
        on_line: takes each line but the one with the result.
    """

    def __init__(self, request: Request, on_line: OnLine) -> None:
        self.request, self._on_line = request, on_line
        self.lines: deque[str] = deque(maxlen=TAIL_LINES)
        self.result: str | None = None

    @property
    def tail(self) -> list[str]:
        """Return the last lines."""
        return list(self.lines)

    def take(self, line: str) -> None:
        """Take one line without its end."""
        if not self.find_result(line):
            self.lines.append(line)
            self._on_line(line)

    def find_result(self, line: str) -> bool:
        """Keep the result where the line carries it, and tell whether it does."""
        found = result_of(line, self.request.id)
        self.result = self.result if found is None else found
        return found is not None

    def say(self, line: str) -> None:
        """Give the task a line that is not the job's."""
        self._on_line(line)

    def outcome(
        self, code: int, *, oom: bool = False, likely_oom: bool = False, killed: bool = False, timed_out: bool = False
    ) -> dict[str, Any]:
        """Return the result of a job that has ended.

        Args:
            code: its exit code, above 128 or below 0 where a signal ended it.
            oom: the system ended it, or a part of it, because memory ran out.
            likely_oom: nobody says why it was ended, and memory is the likely reason.
            killed: its task wanted it ended.
            timed_out: it took too long.

        Raises:
            JobTimeout: it took too long.
            JobOutOfMemory: memory ran out.
            JobKilled: a signal ended it.
            JobRefused: its error is final.
            JobFailed: anything else.
        """
        job, environment, tail = self.request.name, self.request.environment, self.tail
        if timed_out and not killed:
            raise JobTimeout(job, environment.timeout_minutes or 0, environment.name, tail)
        if killed:
            raise JobKilled(job, -code if code < 0 else code - 128 if code > 128 else signal.SIGTERM, tail)
        if code == 0:
            return self._value()
        if oom or likely_oom:
            raise JobOutOfMemory(job, tail, environment, likely=not oom)
        if code < 0 or code > 128:
            raise JobKilled(job, -code if code < 0 else code - 128, tail)
        if code in NOT_RUNNABLE:
            where = environment.image or "the cluster's Python"
            problem = f"job {job} cannot be started: {where} holds no python; build the image from the product's Dockerfile"
            raise JobRefused(job, code, tail, problem)
        raise (JobRefused if code in (2, 3) else JobFailed)(job, code, tail)

    def _value(self) -> dict[str, Any]:
        job = self.request.name
        if self.result is None:
            problem = f"job {job} ended well but gave no result; is the product in its image older than this one?"
            raise JobFailed(job, 0, self.tail, problem)
        value = json.loads(self.result)
        if not isinstance(value, dict):
            raise JobFailed(job, 0, self.tail, f"job {job} gave {type(value).__name__}, not a dict")
        return value
