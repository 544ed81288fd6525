"""The section ``training.tuning`` of a project.yaml: the search of hyperparameters, and the families that it may choose."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from include.projects.measures import measures
from include.projects.metrics import OwnMetric
from include.projects.parts import Part, Problems
from include.projects.tasks import Task
from include.projects.wording import choice, shown

TRIALS = 10_000  # of one search, at most
FINEST = 0.0001  # share of a processor or GPU that Ray can count


class Range(Part):
    """One hyperparameter: either ``choices`` or ``low`` and ``high``."""

    choices: list[Any] | None = Field(None, description="The values themselves.")
    low: float | None = Field(None, description="Least value.")
    high: float | None = Field(None, description="Greatest value.")
    log: bool = Field(False, description="Equal ratios are equally likely, such as 0.001 to 0.01 and 0.01 to 0.1.")
    integer: bool = Field(False, description="Whole numbers alone, both ends included.")
    steps: int | None = Field(None, ge=1, le=1000, description="How many values a search by grid takes of low to high.")

    @model_validator(mode="after")
    def _one(self) -> Range:
        low, high = self.low, self.high
        if self.choices is not None:
            if low is not None or high is not None:
                raise ValueError("give either choices or both low and high")
            if not self.choices:
                raise ValueError("choices must not be empty")
            if unused := [name for name in ("log", "integer", "steps") if getattr(self, name)]:
                raise Problems(f"{name}: it means nothing beside choices: take it out" for name in unused)
            if odd := [place for place, one in enumerate(self.choices) if _text(one) is None]:
                kinds = "text, a number, true, false, or a list or mapping of such"
                raise Problems(f"choices.{place}: must be {kinds} (is {shown(self.choices[place])})" for place in odd)
            return self
        if low is None or high is None:
            raise ValueError("give either choices or both low and high")
        if not low < high:
            raise ValueError(f"low must be below high (is {low:g}, high is {high:g}). Exchange them, or open the range")
        if endless := [name for name in ("low", "high") if math.isinf(getattr(self, name))]:
            raise Problems(f"{name}: must be a finite number (is {getattr(self, name)})" for name in endless)
        if self.log and low <= 0:
            raise ValueError(f"low must be above 0 where log is true (is {low:g})")
        if self.integer and (broken := [name for name in ("low", "high") if getattr(self, name) % 1]):
            raise Problems(
                f"{name}: must be a whole number where integer is true (is {getattr(self, name):g})" for name in broken
            )
        return self

    def grid(self) -> list[Any]:
        """Return the values that a search by grid takes, none twice: the choices, or ``steps`` values from low to high."""
        if self.choices is not None:
            return list({_text(one): one for one in self.choices}.values())
        assert self.low is not None and self.high is not None and self.steps is not None
        low, high, last = self.low, self.high, self.steps - 1
        shares = [place / last for place in range(last)] if last else []
        inner = [low * (high / low) ** share if self.log else low + (high - low) * share for share in shares]
        axis = [*inner, high] if last else [low]
        return list(dict.fromkeys(round(value) for value in axis)) if self.integer else axis


def _text(choice: Any) -> str | None:
    """Return a choice as runs keep it, None where they cannot, such as a date."""
    try:
        return json.dumps(choice, sort_keys=True)
    except (TypeError, ValueError):
        return None


class Resources(Part):
    """What one trial takes."""

    cpu: float = Field(1, ge=FINEST, allow_inf_nan=False, description="Processors.")
    gpu: float = Field(0, ge=0, description="A fraction lets several trials share one; more than one GPU are whole ones.")

    @field_validator("gpu")
    @classmethod
    def _whole(cls, value: float) -> float:
        if 0 < value < FINEST or (value > 1 and value % 1 != 0):
            said = f"must be 0, a fraction from {FINEST:g} to 1, or a whole number (is {value:g})"
            raise ValueError(f"{said}. Trials share one GPU by fractions, and cannot share several")
        return value


class Budget(Part):
    """When a search ends before all trials are done."""

    minutes: float | None = Field(None, gt=0, allow_inf_nan=False, description="Time of the whole search.")
    target: float | None = Field(None, allow_inf_nan=False, description="Value of the metric that is good enough.")


class Family(Part):
    """One family of models that a search may choose."""

    model: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="module:function that builds one.")
    space: dict[str, Range] = Field({}, description="Its hyperparameters, beside those of training.tuning.space.")


class Tuning(Part):
    """The search of hyperparameters."""

    search: Literal["random", "grid", "bayesian", "population"] = Field("random", description="How the space is searched.")
    early_stopping: bool = Field(
        True, description="ASHA: trials that lag behind end early. Not of population, where they take over the best."
    )
    trials: int = Field(8, ge=1, le=TRIALS, description="Models that are tried, at most; a grid needs one for each point.")
    workers: int = Field(2, ge=1, description="Trials at a time.")
    epochs: int = Field(12, ge=1, description="Passes over the train part of one trial, at most.")
    grace_epochs: int = Field(2, ge=1, description="Passes that each trial may make before it can end early.")
    metric: str | None = Field(
        None,
        description="What decides; the first of the task where not given. A metric of the project is validation_ and its name.",
    )
    resources: Resources = Resources()
    budget: Budget = Budget()
    mutate: list[str] = Field([], description="Of population: hyperparameters that may change while a model learns.")
    space: dict[str, Range] = Field(
        {},
        description="What the model component takes, by name; learning_rate, batch_size and weight_decay are the loop's.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Tuning:
        if problems := list(self._unfit()):
            raise Problems(problems)
        return self

    def _unfit(self) -> Iterator[str]:
        """Yield what does not fit the kind of search."""
        given = self.model_fields_set
        if self.search != "population":
            if self.mutate:
                yield f"mutate means nothing to the search {self.search}"
            if "grace_epochs" in given and self.grace_epochs > self.epochs:
                yield f"grace_epochs: must be at most epochs, which is {self.epochs} (is {self.grace_epochs})"
            return
        if not self.mutate:
            yield "a search by population needs mutate: hyperparameters that do not change the model's shape"
        if self.trials < 2:
            yield f"trials: must be at least 2 where search is population, whose members learn from each other (is {self.trials})"
        for name in ("early_stopping", "grace_epochs"):
            if name in given:
                yield f"{name}: it means nothing to the search population, where models that lag behind take over the best"


def space_problems(tuning: Tuning, families: Mapping[str, Family]) -> list[str]:
    """Return what of the spaces of a search by grid makes no grid, or one of more points than trials, under ``training``.

    Args:
        tuning: the search.
        families: the families that it chooses among.
    """
    if tuning.search != "grid":
        return []
    spaces = {"tuning": tuning.space, **{f"families.{name}": family.space for name, family in families.items()}}
    found = [
        f"{place}.space.{name}.steps: is missing. A search by grid needs steps beside low and high, or choices"
        for place, space in spaces.items()
        for name, one in space.items()
        if one.choices is None and one.steps is None
    ]
    if found:
        return found
    every = [{**tuning.space, **family.space} for family in families.values()] or [tuning.space]
    points = sum(math.prod(len(one.grid()) for one in space.values()) for space in every)
    if points > TRIALS:
        return [f"tuning.space: makes a grid of {points:,} points, more than the {TRIALS:,} trials that there may be: take fewer"]
    if points > tuning.trials:
        return [f"tuning.trials: must be at least {points}, for a search by grid tries every point (is {tuning.trials})"]
    return []


def tuning_problems(task: Task, tuning: Tuning, own: Mapping[str, OwnMetric]) -> list[str]:
    """Return what of a search is not measured, or cannot be reached, with its place under ``training``.

    Args:
        task: of the project.
        tuning: the search.
        own: metrics of the project.
    """
    known, wanted = measures(task, own), tuning.metric
    if not known:
        said = f"means nothing to the task {task}, for which no model is trained here: leave it out"
        return [f"tuning.metric: it {said}"] if wanted is not None else []
    if wanted is not None and wanted not in known:
        near = f"validation_{wanted}"  # an evaluation calls it without
        return [f"tuning.metric: {choice(wanted, list(known), near if near in known else wanted)}"]
    name = wanted or next(iter(known))
    target, one = tuning.budget.target, known[name]
    bounds = [f"above {one.least:g}"] if one.least is not None else []
    bounds += [f"at most {one.most:g}"] if one.most is not None else []
    low, high = (-math.inf if one.least is None else one.least), (math.inf if one.most is None else one.most)
    if target is not None and not low < target <= high:
        return [f"tuning.budget.target: must be {' and '.join(bounds)}, where {name} lies (is {shown(target)})"]
    return []
