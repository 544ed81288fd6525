"""The section ``data.refine`` of a project.yaml: steps that turn raw items into refined ones."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from include.projects.parts import Part


class RefineStep(Part):
    """One step: a function of the project that changes items or leaves some out."""

    use: str = Field(
        pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$", description="A built-in step, or module:function of the project."
    )
    params: dict[str, Any] = Field({}, description="What the step takes beside the items.")
