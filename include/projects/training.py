"""The section ``training`` of a project.yaml: search, final training and gate."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from include.projects.parts import Part


class TransformStep(Part):
    """A named transform, fitted on the training part and kept with the model (`include.training.transforms`)."""

    use: str = Field(description="Its name, such as standard_scale, one_hot or bag_of_words.")
    columns: list[str] = Field([], description="Columns of a table that it is for; none means the items themselves.")
    params: dict[str, Any] = Field({}, description="What it takes beside values.")


class Range(Part):
    """One hyperparameter: either ``choices`` or ``low``/``high``."""

    choices: list[Any] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False

    @model_validator(mode="after")
    def _one(self) -> Range:
        if (self.choices is None) == (self.low is None or self.high is None):
            raise ValueError("give either choices or both low and high")
        if self.choices is None and not self.low < self.high:  # type: ignore[operator]
            raise ValueError("low must be below high")
        if self.choices is not None and not self.choices:
            raise ValueError("choices must not be empty")
        return self


class Tuning(Part):
    """The search of hyperparameters."""

    trials: int = Field(8, ge=1)
    workers: int = Field(2, ge=1)
    epochs: int = Field(12, ge=1)
    grace_epochs: int = Field(2, ge=1)
    metric: str | None = Field(None, description="What decides; the first of the task where not given.")
    space: dict[str, Range] = Field({})


class Gate(Part):
    """What a trained model must reach on the test part to be confirmed."""

    metric: Literal["accuracy", "macro_f1"] = "accuracy"
    minimum: float = 0.0
    beat_baseline: bool = True


class Training(Part):
    """Search, final training and gate."""

    tuning: Tuning = Tuning()
    epochs: int = Field(25, ge=1)
    gate: Gate = Gate()
    seed: int = 0
