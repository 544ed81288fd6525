"""The section ``feature_views`` of a project.yaml: named features of entities, offline and online."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.projects.content import COLUMN, Content, TableContent
from include.projects.parts import Part

FeatureType = Literal["number", "integer", "text", "boolean", "time"]
Name = Annotated[str, Field(pattern=COLUMN, max_length=200)]
ITEM_COLUMNS = ("@key", "@taken_at", "@group")
"""Columns that every item has; items that are no rows of a table have ``@content`` too."""


class Feature(Part):
    """One feature of a view."""

    type: FeatureType = Field(description="What its values are.")
    description: str = Field("", description="What it means, for people.")


class FeatureSource(Part):
    """The rows that a view is computed from: the items of a data version, or a Parquet table kept beside them."""

    parquet: str | None = Field(
        None, pattern=r"^[^/\x00][^\x00]*\.parquet$", description="Path of a table in the project's data repository."
    )
    columns: list[Name] | None = Field(
        None,
        min_length=1,
        description="What the transform sees, all columns where not given: those of a table's content or of the Parquet"
        " table; of items also @key, @taken_at and @group, and @content where it is no table.",
    )


class FeatureView(Part):
    """Features of one entity, computed from data versions by one function that training, batch and serving share."""

    entity: str = Field(min_length=1, max_length=200, description="What the features are about, such as patient.")
    keys: dict[Name, Literal["text", "integer"]] = Field(
        min_length=1, max_length=8, description="Columns of the transform's result that name one entity, with their types."
    )
    timestamp: Name = Field(description="Column of the transform's result: since when the values hold. With time zone.")
    features: dict[Name, Feature] = Field(min_length=1, max_length=2000, description="The other columns of the result.")
    transform: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="module:function under the project's folder; takes the rows as a pandas DataFrame, returns one.",
    )
    aggregates: bool = Field(False, description="The transform may give fewer or more rows than it gets.")
    source: FeatureSource = FeatureSource()
    ttl_hours: float | None = Field(None, gt=0, description="How long values hold; later they are missing, and online stale.")
    online: bool = Field(True, description="Keep the newest values of each entity for the inference AP.")
    description: str = Field("", description="What it is, for people.")
    owner: str = Field("", description="Who answers for it; the project's owner where not given.")
    tags: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field([], description="Words by which it is found.")

    @model_validator(mode="after")
    def _names(self) -> FeatureView:
        names = [*self.keys, self.timestamp, *self.features]
        if double := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{' and '.join(double)}: one column cannot be key, timestamp and feature at once")
        return self

    def problem(self, content: Content) -> str | None:
        """Return what does not fit the project's content, None where all is well."""
        if self.source.parquet:
            return None
        known = source_columns(content)
        if unknown := [name for name in self.source.columns or () if name not in known]:
            return f"source.columns: no column {' or '.join(unknown)}; there are {', '.join(known)}"
        return None


def source_columns(content: Content) -> list[str]:
    """Return the columns that a transform can see of items with such a content."""
    return [*(content.columns if isinstance(content, TableContent) else ["@content"]), *ITEM_COLUMNS]
