"""The section ``training`` of a project.yaml: search, final training and gate."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from include.projects.augmentation import Augmentation
from include.projects.code_checks import CodeChecks
from include.projects.evaluation import Bias, ModelTests
from include.projects.parts import NAME, Part


class TransformStep(Part):
    """A named transform, fitted on the training part and kept with the model (`include.training.transforms`)."""

    use: str = Field(description="Its name, such as standard_scale, one_hot or bag_of_words.")
    columns: list[str] = Field([], description="Columns of a table that it is for; none means the items themselves.")
    params: dict[str, Any] = Field({}, description="What it takes beside values.")


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
        if (self.choices is None) == (self.low is None or self.high is None):
            raise ValueError("give either choices or both low and high")
        if self.choices is not None and not self.choices:
            raise ValueError("choices must not be empty")
        if self.choices is None:
            if not self.low < self.high:  # type: ignore[operator]
                low, high = self.low, self.high
                raise ValueError(f"low must be below high (is {low:g}, high is {high:g}). Exchange them, or open the range")
            if self.log and self.low <= 0:  # type: ignore[operator]
                raise ValueError("low must be above 0 where log is true")
            if self.integer and (self.low % 1 or self.high % 1):  # type: ignore[operator]
                raise ValueError("low and high must be whole numbers where integer is true")
        return self


class Resources(Part):
    """What one trial takes."""

    cpu: float = Field(1, gt=0, description="Processors.")
    gpu: float = Field(0, ge=0, description="A fraction lets several trials share one.")


class Budget(Part):
    """When a search ends before all trials are done."""

    minutes: float | None = Field(None, gt=0, description="Time of the whole search.")
    target: float | None = Field(None, description="Value of the metric that is good enough.")


class Family(Part):
    """One family of models that a search may choose."""

    model: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="module:function that builds one.")
    space: dict[str, Range] = Field({}, description="Its hyperparameters, beside those of training.tuning.space.")


class Tuning(Part):
    """The search of hyperparameters."""

    search: Literal["random", "grid", "bayesian", "population"] = Field("random", description="How the space is searched.")
    early_stopping: bool = Field(True, description="ASHA: trials that lag behind end early.")
    trials: int = Field(8, ge=1, le=10_000, description="Models that are tried, at most.")
    workers: int = Field(2, ge=1, description="Trials at a time.")
    epochs: int = Field(12, ge=1, description="Passes over the train part of one trial, at most.")
    grace_epochs: int = Field(2, ge=1, description="Passes that each trial may make before it can end early.")
    metric: str | None = Field(None, description="What decides; the first of the task where not given.")
    resources: Resources = Resources()
    budget: Budget = Budget()
    mutate: list[str] = Field([], description="Of population: hyperparameters that may change while a model learns.")
    space: dict[str, Range] = Field(
        {},
        description="What the model component takes, by name; learning_rate, batch_size and weight_decay are the loop's.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Tuning:
        if self.search == "population" and not self.mutate:
            raise ValueError("a search by population needs mutate: hyperparameters that do not change the model's shape")
        if self.mutate and self.search != "population":
            raise ValueError(f"mutate means nothing to the search {self.search}")
        return self


class Gate(Part):
    """What a trained model must reach on the test part to be confirmed."""

    metric: str | None = Field(None, description="Any metric of the task or of the project; the first of the task if not given.")
    minimum: float | None = Field(None, description="Of a metric that is better the higher it is.")
    maximum: float | None = Field(None, description="Of a metric that is better the lower it is.")
    beat_baseline: bool = Field(True, description="Be better than a simple model trained on the same rows.")
    may_be_overruled: bool = Field(False, description="A person who confirms may confirm what fails the gate, with a reason.")


class Confirmation(Part):
    """Who confirms a model of model_development; a retraining is decided by its own rule."""

    by: Literal["rule", "person"] = Field("rule", description="rule: the gate alone; person: somebody who has seen the figures.")
    role: str = Field("Approver", min_length=1, max_length=64, description="Airflow role of those who may answer.")
    timeout_minutes: float = Field(24 * 60, gt=0, description="No answer in this time means no.")

    @model_validator(mode="after")
    def _fits(self) -> Confirmation:
        if self.by == "rule" and self.model_fields_set & {"role", "timeout_minutes"}:
            raise ValueError("role and timeout_minutes are for by: person; a rule asks nobody")
        return self


class StartFrom(Part):
    """A registered model whose weights a training begins with: going on with new data, or carrying over to another task."""

    model: str = Field("", description="Name of the registered model, which is its project's; empty is the project's own.")
    version: str = Field("confirmed", min_length=1, description="Its version or alias.")
    anew: list[str] = Field([], description="Begins of the names of weights that are not taken over, such as the last layer's.")
    freeze: list[str] = Field([], description="Begins of the names of weights that stay as they were taken over.")


class Training(Part):
    """Search, final training and gate."""

    tuning: Tuning = Tuning()
    families: dict[Annotated[str, Field(pattern=NAME.pattern)], Family] = Field(
        {}, description="Families of models to choose among; none takes the model component."
    )
    epochs: int = Field(25, ge=1, description="Passes over the train part of the final training, at most.")
    workers: int = Field(1, ge=1, le=1024, description="Processes that share the final training of a network (Ray Train).")
    start_from: StartFrom | None = Field(None, description="A model to begin with; none begins with random weights.")
    augmentation: Augmentation = Field(
        Augmentation(), description="How rows of the training part are varied; a list means steps."
    )
    gate: Gate = Gate()
    confirmation: Confirmation = Confirmation()
    explain: bool | None = Field(None, description="SHAP and LIME at evaluation; not given means where that takes seconds.")
    slices: list[str] = Field([], description="Columns of a table whose values an evaluation looks at apart.")
    bias: Bias | None = None
    code_checks: CodeChecks = CodeChecks()
    tests: ModelTests = ModelTests()
    seed: int = Field(0, description="Of everything random: the same seed gives the same model.")

    @model_validator(mode="after")
    def _known(self) -> Training:
        if self.gate.may_be_overruled and self.confirmation.by != "person":
            raise ValueError("gate.may_be_overruled means nothing to confirmation by rule: nobody is asked")
        if self.families and self.tuning.search == "population":
            raise ValueError("a search by population has one family: leave families out, or search otherwise")
        if unknown := [name for name in self.tuning.mutate if name not in self.tuning.space]:
            raise ValueError(f"tuning.mutate names {', '.join(unknown)}, which is no hyperparameter of the space")
        return self
