"""What is wrong with a project, told with file and line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from include.errors import FinalError
from include.projects.reading import Unreadable, read
from include.settings import ROOT


class ProjectError(FinalError, ValueError):
    """A project.yaml that cannot be used.

    Attributes:
        path: the file.
        problems: one line each: where in the file, and what is wrong.
        lines: the line of each, from 1; 0 where it is about no line.
    """

    def __init__(self, path: Path, problems: list[str], lines: Sequence[int] = ()) -> None:
        self.path, self.problems, self.lines = path, problems, list(lines) or [0] * len(problems)
        shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        told = zip(problems, self.lines, strict=True)
        super().__init__("\n".join(f"{shown}{f':{line}' if line else ''}: {problem}" for problem, line in told))

    @classmethod
    def at(cls, path: Path, problem: str) -> ProjectError:
        """Return the error of one problem that begins with its place, with that place's line."""
        try:
            line = read(path).line(problem.partition(":")[0].split("."))
        except (OSError, Unreadable):
            line = 0
        return cls(path, [problem], [line])
