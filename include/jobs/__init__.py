"""Jobs: heavy work in a process of its own, the same command wherever it runs."""

from include.jobs.errors import (
    ImageMissing,
    JobFailed,
    JobKilled,
    JobLost,
    JobOutOfMemory,
    JobRefused,
    JobTimeout,
    JobUnplaced,
    NotHere,
    SpecError,
)
from include.jobs.local import LocalJob, run_local
from include.jobs.registry import JOBS
from include.jobs.request import Request, Running
from include.jobs.run import RUNTIMES, job

__all__ = [
    "JOBS",
    "RUNTIMES",
    "ImageMissing",
    "JobFailed",
    "JobKilled",
    "JobLost",
    "JobOutOfMemory",
    "JobRefused",
    "JobTimeout",
    "JobUnplaced",
    "LocalJob",
    "NotHere",
    "Request",
    "Running",
    "SpecError",
    "job",
    "run_local",
]
