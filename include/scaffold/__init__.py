"""Makes a new project: a folder with project.yaml, components that run, demo data and tests."""

from include.scaffold.kinds import KINDS
from include.scaffold.names import ScaffoldError, check_name, suggest
from include.scaffold.write import new_project

__all__ = ["KINDS", "ScaffoldError", "check_name", "new_project", "suggest"]
