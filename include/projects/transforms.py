"""The section ``transforms`` of a project.yaml: named transforms of features, and what each takes.

What they compute is in `include.training.transforms`; what is here is read with every project, so it needs no arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from include.projects.content import ColumnType, Content, TableContent
from include.projects.messages import wrong
from include.projects.parts import Part, Problems
from include.projects.wording import choice, no_column

NUMBERS: tuple[ColumnType, ...] = ("number", "integer", "boolean", "time")
TEXTS: tuple[ColumnType, ...] = ("text", "category")


class Transform(Part):
    """Parameters of one transform.

    Attributes:
        columns: types of columns that it is for.
        items: kinds of content whose items it is for where no columns are named.
    """

    columns: ClassVar[tuple[ColumnType, ...]] = (*NUMBERS, *TEXTS)
    items: ClassVar[tuple[str, ...]] = ("array", "text")


class _OfNumbers(Transform):
    columns: ClassVar[tuple[ColumnType, ...]] = NUMBERS
    items: ClassVar[tuple[str, ...]] = ("array",)


class _OfTexts(Transform):
    columns: ClassVar[tuple[ColumnType, ...]] = TEXTS
    items: ClassVar[tuple[str, ...]] = ("text",)


class StandardScale(_OfNumbers):
    """Subtract the mean and divide by the standard deviation; a missing number becomes the mean."""


class QuantileScale(_OfNumbers):
    """Replace a number by its rank among those of the training part, 0 to 1; a missing number becomes a half."""

    points: int = Field(101, ge=2, le=100_000, description="Quantiles that are kept; between two of them a rank is a line.")


class Missing(Transform):
    """One where a value is missing, else zero."""


class OneHot(Transform):
    """A one at the place of the value; values that are rare or were never seen share the last place."""

    most: int = Field(50, ge=1, le=100_000, description="Values with a place of their own, the most frequent ones.")
    least: int = Field(1, ge=1, description="Rows that a value must occur in to have one.")


class BagOfWords(_OfTexts):
    """TF-IDF of the words of a text, with pairs of syllables for Hangul, whose words take endings."""

    features: int = Field(2000, ge=1, le=1_000_000, description="Terms that are kept, the most frequent ones.")
    least: int = Field(2, ge=1, description="Texts that a term must occur in to be kept.")


class Tokens(_OfTexts):
    """A text as a row of numbers: one for each known term, others by one of some shared places; zero fills up."""

    length: int = Field(64, ge=1, le=100_000, description="Terms of a text that are taken, the first ones.")
    vocabulary: int = Field(4000, ge=0, le=1_000_000, description="Terms with a number of their own, the most frequent ones.")
    shared: int = Field(64, ge=1, le=1_000_000, description="Numbers that all other terms share.")


class Flat(_OfNumbers):
    """Numbers as they are, an item as one row."""


TRANSFORMS: dict[str, type[Transform]] = {
    "standard_scale": StandardScale,
    "quantile_scale": QuantileScale,
    "missing": Missing,
    "one_hot": OneHot,
    "bag_of_words": BagOfWords,
    "tokens": Tokens,
    "flat": Flat,
}


class TransformStep(Part):
    """A named transform, fitted on the training part and kept with the model (`include.training.transforms`)."""

    use: str = Field(description="Its name, one of the table below.", json_schema_extra={"enum": list(TRANSFORMS)})
    columns: list[str] = Field([], description="Columns of a table that it is for; none means the items themselves.")
    params: dict[str, Any] = Field({}, description="What it takes beside values; each has a default.")

    @model_validator(mode="after")
    def _known(self) -> TransformStep:
        if self.use not in TRANSFORMS:
            raise ValueError(f"use {choice(self.use, list(TRANSFORMS))}")
        if problems := wrong(TRANSFORMS[self.use], self.params, "params"):
            raise Problems(problems)
        return self

    def asked(self) -> dict[str, Any]:
        """Return its parameters with defaults."""
        return TRANSFORMS[self.use](**self.params).model_dump()


def transform_problems(steps: Sequence[TransformStep], content: Content) -> list[str]:
    """Return what of the steps does not fit the items or the columns of their table, with its place in the file."""
    found = []
    for number, step in enumerate(steps):
        unfit = _columns(step, content.columns) if isinstance(content, TableContent) else _items(step, content)
        found += [f"transforms.{number}.{problem}" for problem in unfit]
    return found


def _columns(step: TransformStep, known: Mapping[str, Any]) -> Iterator[str]:
    if not step.columns:
        yield f"columns: is missing. Write `columns: [...]` with what {step.use} is for; columns are {', '.join(known)}"
    wanted = TRANSFORMS[step.use].columns
    for place, name in enumerate(step.columns):
        if name not in known:
            yield f"columns.{place}: {no_column(name, list(known))}"
        elif known[name].type not in wanted:
            said = f"{step.use} is for columns of type {', '.join(wanted)}"
            yield f"columns.{place}: {said}, and {name} is of type {known[name].type}. {_others('columns', known[name].type)}"


def _items(step: TransformStep, content: Content) -> Iterator[str]:
    if step.columns:
        yield f"columns: are for rows of a table, and items are of kind {content.kind}: leave columns out"
    elif content.kind not in TRANSFORMS[step.use].items:
        said = f"{step.use} is for items of kind {' or '.join(TRANSFORMS[step.use].items)}, and these are of kind {content.kind}"
        yield f"use: {said}. {_others('items', content.kind)}"


def _others(of: str, kind: str) -> str:
    fit = [name for name, one in TRANSFORMS.items() if kind in getattr(one, of)]
    return f"These fit: {', '.join(fit)}" if fit else "None fits: name a preprocess component instead"
