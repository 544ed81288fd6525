"""How a job can end other than well."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from include.errors import FinalError

if TYPE_CHECKING:
    from include.management import Environment

# Exit codes of jobs that did not end by themselves; those of the shell where it has one.
TIMED_OUT, LOST, UNPLACED = 124, -1, 125
OWN_LIMITS = "where project.yaml has its own, that of the job under environments or of the workflow's step"


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
    """A job that was ended because it took more memory than it may, or than there is.

    Attributes:
        limit: what its environment gives, such as 4Gi; None where it gives all that there is.
        used: bytes that it took, where that is known.
        likely: nobody said so, but it was ended by force where its memory is limited.
    """

    def __init__(
        self, job: str, tail: list[str], environment: Environment | None = None, used: int = 0, likely: bool = False
    ) -> None:
        self.limit, self.used, self.likely = (environment.memory if environment else None), used or None, likely
        where, source = "", ""
        if environment and environment.memory:
            took = f"; it took {used / 2**20:,.0f} MiB" if used else ""
            where = f" ({environment.memory} in the environment {environment.name}{took})"
            source = f" (memory of the environment {environment.name}, or {OWN_LIMITS})"
        advice = f"give it more{source}, or use fewer workers or smaller batches"
        what = f"was killed by SIGKILL, most likely because it ran out of memory{where}"
        what = what if likely else f"ran out of memory{where} and was killed"
        super().__init__(job, signal.SIGKILL, tail, f"job {job} {what}; {advice}")


class JobTimeout(JobFailed):
    """A job that took longer than its environment allows, and was ended."""

    def __init__(self, job: str, minutes: float, environment: str, tail: list[str]) -> None:
        problem = f"job {job} took longer than the {minutes:g} minutes of the environment {environment} and was ended"
        advice = f"raise timeout_minutes there ({OWN_LIMITS}), or give the job less to do"
        super().__init__(job, TIMED_OUT, tail, f"{problem}; {advice}")


class JobLost(JobFailed):
    """A job whose engine, node or container went away; another try finds it where it still runs, or starts it anew."""

    def __init__(self, job: str, what: str, tail: list[str]) -> None:
        advice = "another try goes on with it where it still runs, and begins it anew where it does not"
        super().__init__(job, LOST, tail, f"job {job} is lost: {what}; {advice}")


class JobUnplaced(JobFailed):
    """A job that found no free place in time."""

    def __init__(self, job: str, what: str, advice: str = "") -> None:
        advice = advice or "wait for a free place, ask for less, or raise start_minutes of the environment"
        super().__init__(job, UNPLACED, [], f"job {job} found no place: {what}; {advice}")


class ImageMissing(FinalError, JobFailed):
    """A job whose container image cannot be had."""

    def __init__(self, job: str, image: str, what: str) -> None:
        self.image = image
        advice = "build or push it, or correct image in the environment"
        super().__init__(job, UNPLACED, [], f"job {job}: the image {image} cannot be had: {what}; {advice}")


def image_problem(job: str, image: str, what: str) -> JobFailed:
    """Return the error for an image that could not be pulled: final where the registry has none of that name."""
    if re.search(r"not found|does not exist|denied|unauthorized|manifest unknown|InvalidImageName|ErrImageNeverPull", what, re.I):
        return ImageMissing(job, image, what)
    return JobUnplaced(job, f"the image {image} cannot be pulled ({what})", "bring the registry back, or name another image")


class NotHere(FinalError, JobFailed):
    """A job that asks for what its environment's machines do not have, such as a GPU."""

    def __init__(self, job: str, environment: str, what: str, advice: str) -> None:
        super().__init__(job, UNPLACED, [], f"job {job} cannot run in the environment {environment}: {what}; {advice}")
