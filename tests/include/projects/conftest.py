"""Shipped projects with something wrong in them, and what reading them says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from include.projects import ProjectError, load_project
from include.settings import ROOT

Refused = Callable[..., list[str]]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Give what reads a shipped project with some texts changed, and returns what is wrong.

    Each problem stands behind the first key of the line that it names, so that a test does not count lines.
    """

    def read(name: str, *changes: tuple[str, str]) -> list[str]:
        text = (ROOT / "include" / "projects" / name / "project.yaml").read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / name / "project.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ProjectError) as caught:
            load_project(name, tmp_path)
        lines = [text.splitlines()[line - 1].partition(":")[0].strip(" -{") for line in caught.value.lines]
        return [f"{key} | {problem}" for key, problem in zip(lines, caught.value.problems, strict=True)]

    return read
