"""What every section of a project.yaml has in common."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME = re.compile(r"^[a-z][a-z0-9_]{1,40}$")
Fraction = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """One section: unknown keys are errors, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
