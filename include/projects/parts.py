"""What every section of a project.yaml has in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME = re.compile(r"^[a-z][a-z0-9_]{1,40}$")
Fraction = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """One section: unknown keys are errors, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Problems(ValueError):
    """Several things that are wrong at once; a check raises it where it found more than one.

    Attributes:
        problems: one line each: the place within the section, a colon, and what is wrong there.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))
