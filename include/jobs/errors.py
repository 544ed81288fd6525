"""How a job can end other than well."""

from __future__ import annotations

import signal

from include.errors import FinalError


class SpecError(FinalError, ValueError):
    """A job that cannot be started: unknown name or project, wrong arguments, unreadable spec."""


class JobFailed(RuntimeError):
    """A job that ended with an error.

    Attributes:
        job: its name.
        exit_code: of its process.
        tail: its last lines.
    """

    def __init__(self, job: str, exit_code: int, tail: list[str], message: str | None = None) -> None:
        self.job, self.exit_code, self.tail = job, exit_code, tail
        super().__init__(message or next((line for line in reversed(tail) if line.strip()), f"job {job} failed without a word"))


class JobRefused(FinalError, JobFailed):
    """A job whose error another try cannot cure: bad input, or a gate that it did not pass."""


class JobKilled(JobFailed):
    """A job that a signal ended.

    Attributes:
        signal: its number.
    """

    def __init__(self, job: str, number: int, tail: list[str], message: str | None = None) -> None:
        self.signal = number
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        super().__init__(job, -number, tail, message or f"job {job} was killed by {name}; run it again")


class JobOutOfMemory(JobKilled):
    """A job that the system ended because memory ran out."""

    def __init__(self, job: str, tail: list[str]) -> None:
        advice = f"job {job} ran out of memory and was killed; give it more, or use fewer workers or smaller batches"
        super().__init__(job, signal.SIGKILL, tail, advice)
