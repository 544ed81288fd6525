"""Management: environments that jobs run in, with their settings and reference files; code of projects and its states."""

from include.management.code import Code, CodeRefused, admit, admit_served, code_of, codes, compare_files, find_code, git_state
from include.management.environment import Environment, EnvironmentRefused, Reference, Runtime
from include.management.environments import (
    LOCAL,
    choose,
    delete_environment,
    environment,
    environment_history,
    environments,
    put_environment,
    read_environment,
)
from include.management.recorded import admit_recorded, recorded_project
from include.management.released import NotReleased, ReleasedProject, archive, released_project, unpacked

__all__ = [
    "LOCAL",
    "Code",
    "CodeRefused",
    "Environment",
    "EnvironmentRefused",
    "NotReleased",
    "Reference",
    "ReleasedProject",
    "Runtime",
    "admit",
    "admit_recorded",
    "admit_served",
    "archive",
    "choose",
    "code_of",
    "codes",
    "compare_files",
    "delete_environment",
    "environment",
    "environment_history",
    "environments",
    "find_code",
    "git_state",
    "put_environment",
    "read_environment",
    "recorded_project",
    "released_project",
    "unpacked",
]
