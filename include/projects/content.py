"""The forms of content that ``data.content`` of a project.yaml may name; ``kind`` says which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from include.projects.parts import Fraction, Part

COLUMN = r"^[^\s\x00-\x1f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"

ColumnType = Literal["number", "integer", "text", "category", "boolean", "time"]


class ArrayContent(Part):
    """A raw array of ``dtype`` and ``shape``, values within ``range``: small images, signals, windows of a time series."""

    kind: Literal["array"] = "array"
    dtype: Literal["uint8", "float32", "float64", "int64"] = Field("uint8", description="Type of a value.")
    shape: list[Annotated[int, Field(ge=1)]] = Field(min_length=1, description="Sizes of the axes of one item.")
    range: tuple[float, float] = Field(description="Least and greatest value.")


class TextContent(Part):
    """Text in UTF-8."""

    kind: Literal["text"]
    min_chars: int = Field(1, ge=0, description="Shorter texts are no items.")
    max_chars: int = Field(20_000, ge=1, description="Longer texts are no items.")


class _FileContent(Part):
    max_bytes: int = Field(32 << 20, ge=1, description="Larger files are no items.")


class ImageContent(_FileContent):
    """An image file, kept as it came."""

    kind: Literal["image"]
    formats: list[Literal["png", "jpeg", "bmp", "gif", "webp", "tiff"]] = Field(
        ["png", "jpeg"], min_length=1, description="Formats of files that are taken."
    )
    min_side: int = Field(1, ge=1, description="Pixels of the shorter side, at least.")
    max_side: int = Field(20_000, ge=1, description="Pixels of the longer side, at most.")


class AudioContent(_FileContent):
    """A sound file, kept as it came."""

    kind: Literal["audio"]
    max_seconds: float = Field(3600, gt=0, description="Longer ones are no items.")


class VideoContent(_FileContent):
    """A video file, kept as it came."""

    kind: Literal["video"]
    max_bytes: int = Field(1 << 30, ge=1, description="Larger files are no items.")
    max_seconds: float = Field(3600, gt=0, description="Longer ones are no items.")


class Column(Part):
    """One column of a table."""

    type: ColumnType = Field(description="What its values are.")
    range: tuple[float, float] | None = Field(None, description="Least and greatest value; of number and integer.")
    choices: list[str] | None = Field(None, min_length=1, description="The values that a category may have.")
    max_missing: Fraction = Field(0.0, description="Share of a round's rows that may lack it.")
    unique: bool = Field(False, description="No value may occur twice in a round.")
    personal: bool = Field(False, description="It tells about a person: never shown in reports, masked in samples.")
    description: str = Field("", description="What it means, for people.")

    @model_validator(mode="after")
    def _fits(self) -> Column:
        if self.range is not None and self.type not in ("number", "integer"):
            raise ValueError(f"range means nothing to the type {self.type}: it is for number and integer")
        if self.range is not None and not self.range[0] <= self.range[1]:
            raise ValueError("range must be [least, greatest]")
        if self.choices is not None and self.type != "category":
            raise ValueError(f"choices mean nothing to the type {self.type}: they are for category")
        return self


class TableContent(Part):
    """One row of a table with named, typed columns."""

    kind: Literal["table"]
    columns: dict[Annotated[str, Field(pattern=COLUMN, max_length=200)], Column] = Field(
        min_length=1, description="The columns by name."
    )


def _kind(value: Any) -> str:
    """Return the kind of a content; an array where none is named."""
    found = value.get("kind", "array") if isinstance(value, Mapping) else getattr(value, "kind", "array")
    return str(found)


Content = Annotated[
    Annotated[ArrayContent, Tag("array")]
    | Annotated[TextContent, Tag("text")]
    | Annotated[ImageContent, Tag("image")]
    | Annotated[AudioContent, Tag("audio")]
    | Annotated[VideoContent, Tag("video")]
    | Annotated[TableContent, Tag("table")],
    Discriminator(_kind),
]
Files = ImageContent | AudioContent | VideoContent
