"""The section ``workflow`` of a project.yaml: steps, what they are connected to, and which output is the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator

from include.projects.environments import Name
from include.projects.parts import NAME, Part
from include.projects.sizes import checked, in_bytes

if TYPE_CHECKING:
    from include.projects.project import Project


class WorkflowStep(Part):
    """One step: a component with its connections and parameters."""

    use: str = Field(max_length=200, description="A shared component as name@version, or module:function of the project.")
    title: str = Field("", max_length=100, description="For people, in any language; the step's name where not given.")
    inputs: dict[str, str | list[str]] = Field(
        {}, description="For each input of the component: step.output, data.train, data.validation or their labels; or a list."
    )
    params: dict[str, Any] = Field({}, description="Parameters of the component.")
    unused: list[str] = Field([], description="Outputs that nothing takes, on purpose.")
    environment: Name | None = Field(None, description="Where it runs; that of the job workflow_step where not given.")
    timeout_minutes: float | None = Field(None, gt=0, le=60 * 24 * 31, description="A step that takes longer is ended.")
    memory: str | None = Field(None, description="A step that needs more is ended: such as 512Mi or 4Gi.")
    max_output_mb: float = Field(2048, gt=0, le=1_000_000, description="A step whose outputs are larger together is refused.")

    @property
    def memory_bytes(self) -> int | None:
        """Return the memory limit in bytes."""
        return in_bytes(self.memory) if self.memory else None

    @field_validator("memory")
    @classmethod
    def _memory(cls, value: str | None) -> str | None:
        return value if value is None else checked(value)

    def references(self) -> dict[str, list[str]]:
        """Return what each input is connected to, always as a list."""
        return {name: [one] if isinstance(one, str) else list(one) for name, one in self.inputs.items()}


class Workflow(Part):
    """Steps from data to a model: preprocess, train, postprocess, in branches and ensembles."""

    steps: dict[Annotated[str, Field(max_length=60)], WorkflowStep] = Field(
        min_length=1, max_length=200, description="The steps by name."
    )
    model: str = Field(description="step.output: what is evaluated, registered, tested and confirmed.")

    @field_validator("steps")
    @classmethod
    def _names(cls, value: dict[str, WorkflowStep]) -> dict[str, WorkflowStep]:
        wrong = [name for name in value if not NAME.match(name)]
        if wrong:
            advice = "take 2 to 41 lower-case letters, digits or underscores, a letter first; title may say it in any language"
            raise ValueError(f"names of steps are names of tasks, so {', '.join(map(repr, wrong))} cannot be one: {advice}")
        if "data" in value:
            raise ValueError("a step cannot be named data: inputs name the project's data by it")
        return value


def workflow_problems(project: Project) -> list[str]:
    """Return what is wrong with the workflow of a project, each as ``path: what is wrong and what would be right``."""
    if project.workflow is None:
        return []
    from include.components.graph import problems

    found = problems(project)
    if not project.has_model:
        found.append("workflow: needs the section training, whose gate decides about the model")
    training = project.training
    if training.families or "tuning" in training.model_fields_set:
        found.append("training.tuning and training.families mean nothing beside a workflow: give params to its steps")
    if training.augmentation:
        found.append("training.augmentation means nothing beside a workflow: vary the training part in a step")
    if training.workers > 1:
        found.append("training.workers means nothing beside a workflow: its steps are what runs in parallel")
    if project.task not in ("classification", "regression"):
        found.append(f"workflow: is for classification and regression, not for the task {project.task}")
    return found
