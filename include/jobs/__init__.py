"""Jobs: heavy work in a process of its own, the same command wherever it runs."""

from include.jobs.errors import JobFailed, JobKilled, JobOutOfMemory, JobRefused, SpecError
from include.jobs.local import LocalJob, run_local
from include.jobs.registry import JOBS

__all__ = ["JOBS", "JobFailed", "JobKilled", "JobOutOfMemory", "JobRefused", "LocalJob", "SpecError", "run_local"]
