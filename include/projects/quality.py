"""The sections ``data.quality`` and ``data.review`` of a project.yaml: what data must hold, and who looks at it.

Without any of it all checks run, and what they find are warnings. A limit makes its check a gate: a round beyond the
limit is not merged. Broken rules and unreadable files are gates from the start.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from include.projects.content import Content, TableContent
from include.projects.expressions import ExpressionError, parse
from include.projects.masking import KINDS, PersonalKind
from include.projects.parts import NAME, Fraction, Part


def _expression(text: str) -> str:
    try:
        parse(text)
    except ExpressionError as cause:
        raise ValueError(str(cause)) from cause
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as cause:
        raise ValueError(f"it is no regular expression: {cause}") from cause
    return text


Expression = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_expression)]


class Rule(Part):
    """One rule about the fields of an item, such as ``end >= start``."""

    name: str = Field(pattern=NAME.pattern, description="Of the rule, in reports.")
    check: Expression = Field(description="True where the item is right; `backticks` around names with spaces.")
    when: Expression | None = Field(None, description="Only items for which this is true are judged.")
    missing: Literal["skip", "broken"] = Field("skip", description="What an item counts as that lacks a field of check.")
    max_broken: Fraction = Field(0.0, description="Share of the judged items that may break it.")
    severity: Literal["gate", "warning"] = Field(
        "gate", description="gate: a round that breaks it is not merged; warning: it is told."
    )


FIELDS = ("label", "key", "group", "source", "taken_at")  # what a rule may name beside columns


class TextLimits(Part):
    """What the texts of one column must look like."""

    pattern: Annotated[str, Field(max_length=1000), AfterValidator(_pattern)] | None = Field(
        None, description="Regular expression (RE2) that the whole value matches."
    )
    min_chars: int = Field(0, ge=0, description="Characters of a value, at least.")
    max_chars: int | None = Field(None, ge=1, description="Characters of a value, at most.")


class Outliers(Part):
    """What counts as an outlier of a number."""

    method: Literal["robust_z", "iqr", "isolation_forest"] = Field(
        "robust_z", description="By median and its deviation, by quartiles, or of all numbers of an item together."
    )
    threshold: float | None = Field(
        None, gt=0, description="Deviations from the median (8), quartile ranges beyond the quartiles (3), or score (0.7)."
    )
    columns: list[str] | None = Field(None, min_length=1, description="Which; all numbers where not given.")


class Quality(Part):
    """Checks beyond those of every round."""

    rules: list[Rule] = Field([], description="Consistency between the fields of an item.")
    texts: dict[str, TextLimits] = Field({}, description="Of columns of type text, by name.")
    max_unreadable: Fraction = Field(0.0, description="Share of files that cannot be opened to their end.")
    max_label_mismatch: Fraction = Field(0.0, description="Share of labels that reach out of what they label.")
    max_class_ratio: float | None = Field(None, gt=1, description="Most frequent class to rarest one, at most.")
    min_class_share: Fraction | None = Field(None, description="Share of the rarest class, at least.")
    max_conflicts: Fraction | None = Field(None, description="Share of items whose equal has another label.")
    max_near_duplicates: Fraction | None = Field(None, description="Share of items nearly equal to another one of the round.")
    near_similarity: float = Field(0.9, gt=0.5, lt=1, description="From which similarity on two items are nearly equal.")
    max_repeated: Fraction | None = Field(None, description="Share of items that earlier rounds hold already.")
    max_leaked: Fraction | None = Field(None, description="Share of items nearly equal to one of the test part.")
    outliers: Outliers = Outliers()
    max_outliers: Fraction | None = Field(None, description="Share of outliers in any column.")
    personal: list[PersonalKind] = Field(
        list(KINDS), min_length=1, description="What counts as personal data in columns that are not declared personal."
    )
    max_personal: Fraction | None = Field(None, description="Share of items that hold personal data where none may be.")

    @model_validator(mode="after")
    def _names(self) -> Quality:
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules have the name {twice[0]}")
        return self


def quality_problems(quality: Quality, content: Content) -> list[str]:
    """Return what in ``data.quality`` fits nothing in the form of content."""
    if not isinstance(content, TableContent):
        return [f"texts.{name}: items are no rows of a table" for name in quality.texts]
    types = {name: column.type for name, column in content.columns.items()}
    problems = [f"texts.{name}: there is no text column of that name" for name in quality.texts if types.get(name) != "text"]
    numbers = [name for name, type_ in types.items() if type_ in ("number", "integer")]
    problems += [
        f"outliers.columns: {name} is no column of numbers" for name in quality.outliers.columns or [] if name not in numbers
    ]
    for rule in quality.rules:
        named = [*parse(rule.check).fields, *(parse(rule.when).fields if rule.when else ())]
        problems += [f"rules: {rule.name} names {one}, which is no column" for one in named if one not in (*types, *FIELDS)]
    return problems


class Review(Part):
    """A person looks at a checked round before it is merged."""

    role: str = Field("Developer", min_length=1, description="Who may answer.")
    timeout_hours: float = Field(72, gt=0, description="No answer in this time means no.")
    samples: int = Field(24, ge=1, le=200, description="Items shown in the report.")
    operating: bool = Field(False, description="Also rounds of production data, which a retraining waits for.")
    labels: bool = Field(False, description="Also rounds of labels that people gave.")
    another_person: bool = Field(False, description="Who started the run may not accept its round.")
