"""The section ``training`` of a project.yaml: search, final training and gate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.projects.augmentation import Augmentation
from include.projects.code_checks import CodeChecks
from include.projects.evaluation import Bias, ModelTests
from include.projects.parts import NAME, Part, Problems
from include.projects.tuning import Family, Tuning, space_problems
from include.projects.wording import choice


class Gate(Part):
    """What a trained model must reach on the test part to be confirmed."""

    metric: str | None = Field(None, description="Any metric of the task or of the project; the first of the task if not given.")
    minimum: float | None = Field(None, description="Of a metric that is better the higher it is.")
    maximum: float | None = Field(None, description="Of a metric that is better the lower it is.")
    beat_baseline: bool = Field(True, description="Be better than a simple model trained on the same rows.")
    thresholds: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        {},
        description="Other metrics of the task that must hold too, such as roc_auc: 0.9: at least where higher is better, at "
        "most where lower is.",
    )
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
        found = space_problems(self.tuning, self.families)
        if self.gate.may_be_overruled and self.confirmation.by != "person":
            found.append("gate.may_be_overruled means nothing to confirmation by rule: nobody is asked")
        if self.families and self.tuning.search == "population":
            found.append("a search by population has one family: leave families out, or search otherwise")
        space = self.tuning.space
        found += [
            f"tuning.mutate.{place}: {choice(name, list(space)) if space else 'there is nothing to change in an empty space'}"
            for place, name in enumerate(self.tuning.mutate)
            if name not in space
        ]
        if found:
            raise Problems(found)
        return self
