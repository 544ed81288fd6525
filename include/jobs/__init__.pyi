from .errors import (
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
from .local import LocalJob, run_local
from .registry import JOBS
from .request import Request, Running
from .run import RUNTIMES, job

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
