"""The section ``card`` of a project.yaml: what people say about the model, for its card."""

from __future__ import annotations

from pydantic import Field

from include.projects.parts import Part


class Card(Part):
    """Statements of people; everything else on a model card comes from records."""

    intended_use: str = Field("", max_length=5000, description="What it is for, and who uses it.")
    not_for: str = Field("", max_length=5000, description="What it must not be used for.")
    limits: str = Field("", max_length=5000, description="Where it is known to be weak.")
    contact: str = Field("", max_length=200, description="Whom to ask.")
