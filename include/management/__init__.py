"""Management: environments that jobs run in, with their settings and reference files."""

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

__all__ = [
    "LOCAL",
    "Environment",
    "EnvironmentRefused",
    "Reference",
    "Runtime",
    "choose",
    "delete_environment",
    "environment",
    "environment_history",
    "environments",
    "put_environment",
    "read_environment",
]
