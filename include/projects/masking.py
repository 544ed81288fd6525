"""The section ``data.masking`` of a project.yaml: what leaves the ops zone as a sample, and how it is masked.

What no rule names leaves nothing: every column of a table needs one, and a column about a person may not be kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from include.projects.content import Column, Content, TableContent
from include.projects.parts import Fraction, Part

PersonalKind = Literal["email", "rrn", "card", "iban", "driver_licence", "ssn", "phone", "ip"]
KINDS: tuple[PersonalKind, ...] = ("email", "rrn", "card", "iban", "driver_licence", "ssn", "phone", "ip")
FakeKind = Literal["name", "first_name", "last_name", "email", "phone", "address", "city", "company", "job", "user_name"]
Locale = Literal["ko_KR", "en_US"]


class Drop(Part):
    """The value goes; null stands in its place."""

    rule: Literal["drop"]


class Keep(Part):
    """The value stays as it is; never for a column about a person."""

    rule: Literal["keep"]


class Hash(Part):
    """A keyed hash: 16 hex digits (a 52-bit number for an integer), the same for the same value everywhere."""

    rule: Literal["hash"]


class Generalise(Part):
    """A coarser value: the lower edge of a bin, the begin of a month, the first characters, a group of categories."""

    rule: Literal["generalise"]
    step: float | None = Field(None, gt=0, description="Number, integer: bins of this width; the lower edge stays.")
    bins: list[float] | None = Field(None, min_length=2, description="Number, integer: edges; values beyond take the nearest.")
    to: Literal["day", "month", "year"] | None = Field(None, description="Time: the begin of it.")
    prefix: int | None = Field(None, ge=0, description="Text: the first characters, always fewer than there are.")
    groups: dict[str, list[str]] | None = Field(
        None, min_length=1, description="Category: new value and the old ones that it is."
    )
    other: str | None = Field(None, description="Category: what is in no group; null where it is not given.")

    @model_validator(mode="after")
    def _one(self) -> Generalise:
        given = [name for name in ("step", "bins", "to", "prefix", "groups") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"generalise takes one of step, bins, to, prefix, groups, and {', '.join(given) or 'none'} is given")
        if self.bins is not None and sorted(set(self.bins)) != self.bins:
            raise ValueError("bins must go up")
        if self.other is not None and self.groups is None:
            raise ValueError("other means something beside groups alone")
        olds = [old for group in (self.groups or {}).values() for old in group]
        if len(set(olds)) != len(olds):
            raise ValueError("a category is in two groups")
        return self


class Fake(Part):
    """An invented value, the same for the same original."""

    rule: Literal["fake"]
    kind: FakeKind = Field(description="What is invented.")
    locale: Locale = Field("ko_KR", description="In which language.")


class Redact(Part):
    """Text in which e-mail addresses, telephone numbers and the like are replaced, found by their patterns."""

    rule: Literal["redact"]
    replace: Literal["placeholder", "fake"] = Field(
        "placeholder", description="By ``[EMAIL]`` and the like, or by invented ones."
    )
    locale: Locale = Field("ko_KR", description="Language of the invented ones.")


class DropMetadata(Part):
    """The picture's points alone, written anew: no place, camera, time or thumbnail."""

    rule: Literal["drop_metadata"]


class Blur(Part):
    """A picture made unsharp, with no metadata."""

    rule: Literal["blur"]
    radius: float = Field(8, gt=0, le=500, description="Pixels.")
    classes: list[str] = Field([], description="Detection: only inside of boxes of these classes; none given means all of it.")


class Pixelate(Part):
    """A picture or array in large squares of one value, with no metadata."""

    rule: Literal["pixelate"]
    size: int = Field(16, ge=2, le=2000, description="Points on a side of a square.")
    classes: list[str] = Field([], description="Detection: only inside of boxes of these classes; none given means all of it.")


ColumnRule = Annotated[Drop | Keep | Hash | Generalise | Fake | Redact, Field(discriminator="rule")]
ContentRule = Annotated[Keep | Redact | DropMetadata | Blur | Pixelate, Field(discriminator="rule")]
CONTENT_RULES: dict[str, tuple[str, ...]] = {
    "array": ("keep", "pixelate"),
    "text": ("redact", "keep"),
    "image": ("drop_metadata", "blur", "pixelate"),
}


class Select(Part):
    """Which items of the ops repository the sample is drawn from."""

    kinds: list[Literal["collected", "operating"]] = Field(
        ["collected", "operating"], min_length=1, description="Kinds of rounds."
    )
    rounds: list[Annotated[int, Field(ge=1)]] | None = Field(None, min_length=1, description="Rounds; all where not given.")
    labels: list[str] | None = Field(None, min_length=1, description="Items of these labels alone.")


class Masking(Part):
    """Rules of the sample that dev gets of ops data. Key and group of an item are always hashed."""

    rows: int = Field(1000, ge=1, le=1_000_000, description="Rows of the sample, at most.")
    seed: int = Field(0, description="Chooses which rows.")
    select: Select = Field(Select(), description="Which items it is drawn from.")
    columns: dict[str, ColumnRule] = Field({}, description="Table: a rule for every column.")
    content: ContentRule | None = Field(None, description="Arrays, texts, images: the rule for what an item holds.")
    label: Literal["keep", "drop"] = Field("keep", description="Whether labels go with the sample.")
    taken_at: Literal["keep", "day", "month", "year", "drop"] = Field(
        "month", description="How exactly the time of an item stays."
    )
    kinds: list[PersonalKind] = Field(list(KINDS), min_length=1, description="Personal data looked for by its pattern.")
    regions: list[Annotated[str, Field(pattern="^[A-Z]{2}$")]] = Field(["KR", "US"], description="Telephone numbers of these.")
    quasi_identifiers: list[str] = Field([], description="Columns that together may tell who somebody is.")
    k: int = Field(5, ge=2, description="Rows that share their quasi-identifiers, at least.")
    sensitive: list[str] = Field([], description="Columns that must differ among rows of equal quasi-identifiers.")
    l: int = Field(1, ge=1, description="Values of a sensitive column among such rows, at least.")  # noqa: E741
    max_suppressed: Fraction = Field(0.1, description="Share of rows that may be left out to reach k and l.")
    role: str = Field("Approver", description="Who may approve the report.")
    timeout_hours: float = Field(72, gt=0, description="No answer in this time means no.")


def masking_problems(masking: Masking, content: Content, task: str) -> list[str]:
    """Return what does not fit between the rules and what items hold; each says which column and what to do."""
    if isinstance(content, TableContent):
        return list(_table_problems(masking, content, task))
    found = [f"columns mean nothing to content of kind {content.kind}: give the rule under content"] if masking.columns else []
    allowed = CONTENT_RULES.get(content.kind)
    if allowed is None:
        return [*found, f"no rule masks content of kind {content.kind}: such data stays in ops; take masking out"]
    if masking.content is None or masking.content.rule not in allowed:
        found.append(f"content needs a rule for kind {content.kind}: one of {', '.join(allowed)}")
    elif isinstance(masking.content, Blur | Pixelate) and masking.content.classes and task != "detection":
        found.append("content.classes are boxes of the task detection")
    elif isinstance(masking.content, Pixelate) and content.kind == "array" and len(content.shape) < 2:
        found.append("content.rule pixelate needs arrays of two dimensions or more")
    return found + [f"{name} are columns of a table" for name in ("quasi_identifiers", "sensitive") if getattr(masking, name)]


def _table_problems(masking: Masking, content: TableContent, task: str) -> Iterator[str]:
    columns = content.columns
    if masking.content is not None:
        yield "content means nothing to a table: give a rule for each column under columns"
    for name in columns:
        if name not in masking.columns:
            yield f"columns.{name}: has no rule: say drop, hash, generalise, fake, redact or keep"
    for name in masking.columns:
        if name not in columns:
            yield f"columns.{name}: there is no such column in data.content"
        elif problem := _unfit(masking.columns[name], columns[name]):
            yield f"columns.{name}: {problem}"
    for list_name in ("quasi_identifiers", "sensitive"):
        for name in getattr(masking, list_name):
            if name not in columns:
                yield f"{list_name}: there is no column {name!r} in data.content"
    for name, rule in masking.columns.items():
        personal = name in columns and columns[name].personal
        if personal and rule.rule == "generalise" and name not in masking.quasi_identifiers:
            yield f"quasi_identifiers: must name {name}, which is about a person and generalised"
    if masking.l > 1 and not (masking.sensitive and masking.quasi_identifiers):
        yield "l above 1 needs sensitive and quasi_identifiers"
    if task == "question_answering" and masking.label == "keep":
        context = masking.columns.get("context")
        if context is not None and context.rule not in ("keep", "redact"):
            yield f"label: keep needs the column context kept or redacted, and it is {context.rule}: say label: drop"


def _unfit(rule: Any, column: Column) -> str | None:
    """Return why a rule does not fit a column."""
    words = column.type == "text" or (column.type == "category" and not column.choices)
    if rule.rule == "keep" and column.personal:
        return "it is about a person and may not be kept"
    if rule.rule == "hash" and not (words or (column.type == "integer" and column.range is None)):
        return f"hash is for text, category without choices and integer without range, and this is {column.type}"
    if rule.rule in ("fake", "redact") and not words:
        return f"{rule.rule} is for text and category without choices, and this is {column.type}"
    if rule.rule in ("fake", "generalise", "redact") and column.unique:
        return f"{rule.rule} may give two rows one value, and the column is unique: hash or drop it"
    if isinstance(rule, Generalise):
        return _unfit_generalise(rule, column)
    return None


def _unfit_generalise(rule: Generalise, column: Column) -> str | None:
    way = next(name for name in ("step", "bins", "to", "prefix", "groups") if getattr(rule, name) is not None)
    types = {"step": ("number", "integer"), "bins": ("number", "integer"), "to": ("time",), "prefix": ("text", "category")}
    wanted = types.get(way, ("category", "text"))
    if column.type not in wanted:
        return f"{way} is for {' and '.join(wanted)}, and this is {column.type}"
    if way == "prefix" and column.choices:
        return "prefix gives values that are none of the column's choices: take groups"
    if column.type == "integer" and any(edge != int(edge) for edge in (*(rule.bins or []), rule.step or 0)):
        return "edges of an integer must be whole numbers"
    if column.choices:
        new = [*(rule.groups or {}), *([rule.other] if rule.other else [])]
        if other := [name for name in new if name not in column.choices]:
            return f"{', '.join(other)} must be among the column's choices, as dev reads the sample by the same project.yaml"
    return None
