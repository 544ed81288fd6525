"""The projects that the AP serves: read once, read again when their file changes."""

from __future__ import annotations

import logging
from pathlib import Path

from include.inference.errors import ApiError, unavailable
from include.projects import Project, ProjectError, list_projects, load_project

_log = logging.getLogger(__name__)


class KnownProjects:
    """Projects by name; a project.yaml that became wrong leaves its project as it was.

    Args:
        folder: the setting ``projects_dir``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[Project, int]] = {}
        self.problems: dict[str, str] = {}

    def get(self, name: str) -> Project:
        """Return a project.

        Raises:
            ApiError: 404: there is none of this name; 503: its project.yaml is wrong.
        """
        known = self._known.get(name)
        if known is not None:
            return known[0]
        if name in list_projects(self._folder):
            self._load(name)
            if name in self._known:
                return self._known[name][0]
            raise unavailable(
                "project_broken", f"project {name} cannot be used: {self.problems[name]}", "mend its project.yaml", 10
            )
        names = ", ".join(list_projects(self._folder)) or "none"
        raise ApiError(404, "unknown_project", f"there is no project {name[:80]!r}", f"known projects: {names}", field="project")

    def all(self) -> list[Project]:
        """Return the projects that are served, by name."""
        return [self._known[name][0] for name in sorted(self._known)]

    def knows(self, name: str) -> bool:
        """Return whether a project of this name is served."""
        return name in self._known

    def refresh(self) -> None:
        """Read the projects whose file is new or changed, forget those whose file is gone."""
        names = list_projects(self._folder)
        for name in names:
            known = self._known.get(name)
            if known is None or self._changed(name) != known[1]:
                self._load(name)
        for gone in self._known.keys() - set(names):
            del self._known[gone]

    def _changed(self, name: str) -> int:
        try:
            return (self._folder / name / "project.yaml").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _load(self, name: str) -> None:
        changed = self._changed(name)
        try:
            self._known[name] = (load_project(name, self._folder), changed)
            self.problems.pop(name, None)
        except ProjectError as error:
            problem = "; ".join(error.problems)
            if self.problems.get(name) != problem:
                _log.warning("project %s: %s", name, problem)
            self.problems[name] = problem
