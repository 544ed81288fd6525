"""How a model is evaluated: the parts of the section ``training`` about slices, bias and tests of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from include.projects.content import TableContent
from include.projects.parts import Fraction, Part
from include.projects.wording import no_column

if TYPE_CHECKING:
    from include.projects.training import Training

GROUP = "@group"  # in bias.by: the data's own group of an item

Reference = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
Measure = Literal[
    "accuracy_difference",
    "demographic_parity_difference",
    "equalized_odds_difference",
    "mae_difference",
]


class Bias(Part):
    """Groups that a model must treat alike."""

    by: list[str] = Field(min_length=1, description="Columns of the table that tell the group; @group is the data's group.")
    positive: str | None = Field(
        None, description="The class that is an advantage; none looks at each class and takes the worst."
    )
    min_rows: int = Field(10, ge=1, description="Groups of fewer rows of the test part are told of, not compared.")
    limits: dict[Measure, float] = Field({}, description="Highest difference between groups with which a model is confirmed.")


class Behaviour(Part):
    """One test of how answers change when items are changed by a function of the project."""

    name: str = Field(pattern=r"^\w{1,60}$", description="Of the test, in reports.")
    function: Reference = Field(description="module:function; of contents (as the preprocess component gets them) changed ones.")
    kind: Literal["invariance", "directional"] = Field(
        "invariance", description="Answers must stay as they are, or go a certain way."
    )
    direction: Literal["up", "down"] | None = Field(None, description="Of a directional test: where the output must go.")
    output: str | None = Field(
        None, description="Of a directional test: the class whose probability is meant; none in regression."
    )
    tolerance: float = Field(0.0, ge=0, description="Of numbers: how far an answer may move against what is wanted.")
    max_failed: Fraction = Field(0.05, description="Share of rows that may behave otherwise.")

    @model_validator(mode="after")
    def _fits(self) -> Behaviour:
        if (self.kind == "directional") != (self.direction is not None):
            raise ValueError("a directional test needs direction, up or down; an invariance test takes none")
        return self


class Case(Part):
    """One item that any usable model must answer rightly."""

    name: str = Field(pattern=r"^\w{1,60}$", description="Of the test, in reports.")
    function: Reference = Field(description="module:function without arguments; gives (contents, labels) of a few items.")
    min_right: Fraction = Field(1.0, description="Share that must be right: the class, or a number within tolerance.")
    tolerance: float = Field(0.0, ge=0, description="Of numbers: how far an answer may be off.")


class ModelTests(Part):
    """Automatic tests that a model passes before it is confirmed."""

    behaviour: list[Behaviour] = Field([], description="Invariance and directional tests.")
    minimum: list[Case] = Field([], description="What any usable model can do.")
    max_latency_ms: float | None = Field(None, gt=0, description="99th percentile of one answer, on the machine of the test.")
    max_memory_mb: float | None = Field(
        None, gt=0, description="What prediction of the test part may take beyond what is loaded."
    )
    max_size_mb: float | None = Field(None, gt=0, description="Files of the model.")
    max_regression: float | None = Field(
        0.02,
        ge=0,
        description="How much of the gate's metric it may lose against the last confirmed model on that one's test part: "
        "points where higher is better, a share where lower is better. Null never asks.",
    )

    @model_validator(mode="after")
    def _names(self) -> ModelTests:
        names = [*(one.name for one in self.behaviour), *(one.name for one in self.minimum)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two tests are called {', '.join(twice)}")
        return self


def evaluation_problems(training: Training, content: Any, classes: Sequence[str]) -> list[str]:
    """Return what of slices, bias and tests does not fit the data, with its place under ``training``."""
    known = list(content.columns) if isinstance(content, TableContent) else []
    found = [f"slices: {no_column(name, known)}" for name in training.slices if name not in known]
    bias = training.bias
    if bias:
        groups = [*known, GROUP]
        found += [f"bias.by: {no_column(name, groups)}" for name in bias.by if name not in groups]
        if bias.positive is not None and bias.positive not in classes:
            found.append(f"bias.positive: {bias.positive!r} is no class; classes are {', '.join(classes) or 'none'}")
        if not classes and (wrong := sorted(set(bias.limits) - {"mae_difference"})):
            found.append(f"bias.limits: {', '.join(wrong)} need classes; give mae_difference")
        if classes and "mae_difference" in bias.limits:
            found.append("bias.limits: mae_difference is for numbers, not for classes")
    for one in training.tests.behaviour:
        if one.kind == "directional" and classes and one.output not in classes:
            found.append(f"tests.behaviour.{one.name}: output must name a class: {', '.join(classes)}")
        if one.output is not None and not classes:
            found.append(f"tests.behaviour.{one.name}: output means nothing where there are no classes")
    return found
