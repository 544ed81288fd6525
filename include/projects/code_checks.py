"""The section ``training.code_checks`` of a project.yaml: what is checked of a model's code before it is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from include.projects.parts import Part

Tool = Literal["lint", "types", "security", "interface"]
TOOLS: tuple[Tool, ...] = ("lint", "types", "security", "interface")


class Ignored(Part):
    """A rule that does not count, with the reason for it."""

    rule: str = Field(
        pattern=r"^[\w*?-]{1,60}$", description="As a finding names it, such as B101, F401 or arg-type; * stands for any text."
    )
    files: str = Field("*", min_length=1, max_length=200, description="Files that it is about, such as model.py or rl/*.py.")
    reason: str = Field(min_length=10, max_length=500, description="Why it does not matter here; the report shows it.")


class CodeChecks(Part):
    """Static checks of a model's code: what they find keeps the model from being trained and confirmed."""

    tools: list[Tool] = Field(
        list(TOOLS),
        description="ruff, mypy, bandit, and whether each component works on a few rows; an empty list checks nothing.",
    )
    ignore: list[Ignored] = Field([], description="Rules that do not count.")
    rows: int = Field(64, ge=8, le=10_000, description="Rows of the training part that the interface is tried with.")
    seconds: float = Field(600, gt=0, le=3600, description="The interface check is ended after this time.")
    memory_mb: int = Field(4096, ge=256, le=1_048_576, description="The interface check is ended when it takes more.")

    @model_validator(mode="after")
    def _once(self) -> CodeChecks:
        if len(set(self.tools)) != len(self.tools):
            raise ValueError("tools names one twice")
        return self
