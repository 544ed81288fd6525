"""The section ``data`` of a project.yaml: where items come from, what one is, and what a round must hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from include.projects.content import Content
from include.projects.dictionaries import DictionarySource
from include.projects.labelling import Labelling
from include.projects.masking import Masking
from include.projects.parts import NAME, Fraction, Part
from include.projects.quality import Quality, Review
from include.projects.refine import RefineStep
from include.projects.sources import ITEM_FORMATS, FilesSource, Source
from include.projects.start import Start


class Checks(Part):
    """What a round must hold before it is merged."""

    min_rows: int = Field(1, ge=1, description="Items of a round, at least.")
    min_rows_per_class: int = Field(0, ge=0, description="Items of each class in a round, at least.")
    max_missing_labels: Fraction = Field(0.0, description="Share of items that may lack a label.")
    max_duplicates: Fraction = Field(0.05, description="Share of items that may be equal to another one of the round.")
    max_bad_rows: Fraction = Field(0.0, description="Share of the source's new rows that may be left out as unreadable.")
    allow_changed_types: bool = Field(False, description="Merge rounds whose needed columns have another type than before.")


class Data(Part):
    """Where the data comes from, what one item is, and what a round must hold."""

    source: Source = Field(description="Where items come from.")
    more_sources: dict[Annotated[str, Field(pattern=NAME.pattern)], Source] = Field(
        {}, description="Further sources whose items go into the same rounds, by a name that stands before their keys."
    )
    start: Start = Start()
    content: Content = Field(description="What one item is.")
    checks: Checks = Checks()
    refine: list[RefineStep] = Field(
        [],
        description="Steps from raw to refined items; none leaves items as they are. They clean what is learnt from: "
        "requests do not go through them, so what both need belongs in preprocess or transforms.",
    )
    quality: Quality = Quality()
    review: Review | None = Field(None, description="A person accepts each round before it is merged.")
    labelling: Labelling | None = Field(None, description="People label what the source brings without label.")
    masking: Masking | None = Field(None, description="How a sample of ops data is masked for dev.")
    dictionaries: dict[Annotated[str, Field(pattern=NAME.pattern)], DictionarySource] = Field(
        {}, description="Word dictionaries by name, each with versions of its own."
    )

    @property
    def sources(self) -> dict[str, Source]:
        """Return all sources by name; that of the first is empty."""
        return {"": self.source, **self.more_sources}

    @model_validator(mode="after")
    def _fits(self) -> Data:
        for source in self.sources.values():
            self._fits_one(source)
        return self

    def _fits_one(self, source: Source) -> None:
        kind = self.content.kind
        whole = isinstance(source, FilesSource) and source.format in ITEM_FORMATS
        if kind == "table" and (source.contents or whole):
            raise ValueError(
                "rows of a table have the columns of content.columns: leave source.content out, and take a format of rows"
            )
        if kind != "table" and not (source.contents or whole):
            raise ValueError(f"source.content must name the field that holds the item, which is of kind {kind}")
        if isinstance(source, FilesSource) and whole:
            wanted = {"array": ("npy", "raw", "image")}.get(kind, (kind,))
            if source.frame_every_s:
                if kind not in ("image", "array"):
                    raise ValueError(f"source.frame_every_s gives pictures: content must be of kind image, not {kind}")
            elif source.format not in wanted:
                raise ValueError(f"source.format must be {' or '.join(wanted)} for content of kind {kind}, not {source.format}")
        if kind not in ("table", "array") and isinstance(source.content, list):
            raise ValueError(f"source.content must be one field for content of kind {kind}")
