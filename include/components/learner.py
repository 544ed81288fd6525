"""The learner of a project with a workflow: runs all steps in this process, and brings a workflow's model back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.components import values
from include.components.call import call
from include.components.graph import components, order
from include.components.models import load_model, note_inputs
from include.components.types import TensorType
from include.projects import Project
from include.training.errors import InputError
from include.training.learners import Epoch, Files, Fitted, Learner
from include.training.parts import Arrays
from include.training.scores import measure, validate

if TYPE_CHECKING:
    import numpy as np


class WorkflowLearner(Learner):
    """Follows the workflow of project.yaml."""

    def fit(
        self,
        project: Project,
        params: Mapping[str, Any],
        parts: Mapping[str, Arrays],
        seed: int,
        epochs: int,
        on_epoch: Callable[[Epoch], None] | None = None,
        initial: Files | None = None,
    ) -> Fitted:
        """Run every step, one after the other; arguments as of `Learner.fit`.

        Raises:
            InputError: there are parameters that no step takes, or a model to begin with.
            StepError: a step failed.
        """
        if initial:
            raise InputError(f"{project.name} has a workflow, whose steps begin anew: leave init_from out")
        there = with_params(project, params)
        files = run_all(there, parts, seed)
        assert there.workflow is not None
        step, _, output = there.workflow.model.partition(".")
        model = load_model(there, files[step][output])
        return measured(there, model, parts, on_epoch)

    def load(self, project: Project, params: Mapping[str, Any], files: Files) -> Fitted:
        """Bring a model back."""
        return load_model(project, files)


class Collected(WorkflowLearner):
    """The same where the steps ran as jobs: the model is there, and only measured.

    Args:
        model: of the workflow.
    """

    def __init__(self, model: Fitted) -> None:
        self.model = model

    def fit(
        self,
        project: Project,
        params: Mapping[str, Any],
        parts: Mapping[str, Arrays],
        seed: int,
        epochs: int,
        on_epoch: Callable[[Epoch], None] | None = None,
        initial: Files | None = None,
    ) -> Fitted:
        """Return the model with its figures."""
        return measured(project, self.model, parts, on_epoch)


def run_all(project: Project, parts: Mapping[str, Arrays], seed: int) -> dict[str, dict[str, values.Files]]:
    """Run all steps in this process, and return the outputs of each as files; values pass as files, as between jobs."""
    assert project.workflow is not None
    known, made = components(project), dict[str, dict[str, values.Files]]()
    for name in order(project):
        references = project.workflow.steps[name].references()
        inputs, digests = {}, []
        for key, wanted in references.items():
            found = []
            for reference in wanted:
                source, _, output = reference.partition(".")
                if source == "data":
                    found.append(data_of(parts, output))
                    continue
                kind, kept = known[source].outputs[output], made[source][output]
                found.append(values.load(kind, kept, project))
                digests += [values.digest(kept)] if isinstance(kind, TensorType) else []
            inputs[key] = found if known[name].inputs[key].many else found[0]
        made[name] = with_origin(project, known[name].outputs, call(project, name, known[name], inputs, seed, _quiet), digests)
    return made


def data_of(parts: Mapping[str, Arrays], output: str) -> Any:
    """Return what ``data.train``, ``data.train_labels`` and so on mean."""
    part, labels = parts[output.removesuffix("_labels")], output.endswith("_labels")
    return part.labels if labels else part.contents


def with_origin(project: Project, outputs: Mapping[str, Any], files: dict[str, values.Files], digests: list[str]) -> Any:
    """Write into the models among the outputs of a step which inputs they learnt from."""
    from include.components.models import model_files
    from include.components.types import ModelType

    for key, kind in outputs.items():
        if isinstance(kind, ModelType):
            model = load_model(project, files[key])
            note_inputs(model, digests)
            files[key] = model_files(model)
    return files


def with_params(project: Project, params: Mapping[str, Any]) -> Project:
    """Return the project with other parameters of its steps, each named ``step.parameter``.

    Raises:
        InputError: there is no such step.
    """
    if not params or project.workflow is None:
        return project
    steps = dict(project.workflow.steps)
    for name, value in params.items():
        step, _, key = name.partition(".")
        if step not in steps or not key:
            raise InputError(f"{project.name} has no step parameter {name!r}: write step.parameter; steps are {', '.join(steps)}")
        steps[step] = steps[step].model_copy(update={"params": {**steps[step].params, key: value}})
    return project.model_copy(update={"workflow": project.workflow.model_copy(update={"steps": steps})})


def params_of(project: Project) -> dict[str, Any]:
    """Return all parameters of all steps, defaults too, each as ``step.parameter``."""
    assert project.workflow is not None
    known = components(project)
    given = {name: known[name].checked(step.params) for name, step in project.workflow.steps.items()}
    return {f"{name}.{key}": value for name, params in given.items() for key, value in params.items()}


def measured(
    project: Project, model: Fitted, parts: Mapping[str, Arrays], on_epoch: Callable[[Epoch], None] | None = None
) -> Fitted:
    """Return a model with its figures on train and validation, after making sure that serving prepares as training did.

    Raises:
        InputError: a member learnt from something else than what the project's preparation makes, or the outputs are not
            those of the task.
    """
    check_preparation(project, model, [parts["train"].inputs, parts["validation"].inputs])
    train, held = parts["train"], parts["validation"]
    loss = validate(project.task, train.labels, _outputs(project, model, train))["validation_loss"]
    epoch: Epoch = {"epoch": 1, "train_loss": loss, **measure(project, held.labels, _outputs(project, model, held))}
    model.history, model.best_epoch = [epoch], 1
    if on_epoch:
        on_epoch(epoch)
    return model


def _outputs(project: Project, model: Fitted, part: Arrays) -> np.ndarray:
    import numpy as np

    outputs, rows = model.predict(part.inputs), len(part.labels)
    wanted = (rows, len(project.classes)) if project.task == "classification" else (rows,)
    if outputs.shape != wanted or not np.isfinite(outputs).all():
        said = (
            f"gives outputs {outputs.shape} for {rows} rows" if outputs.shape != wanted else "gives outputs that are not finite"
        )
        raise InputError(f"the model of the workflow of {project.name} {said}; wanted finite ones {wanted}")
    return outputs


def check_preparation(project: Project, model: Fitted, prepared: list[np.ndarray]) -> None:
    """Refuse a model of which a member never saw what the project's preparation makes: serving would feed it otherwise."""
    from include.components.models import learnt_from, leaves

    right = {values.digest(values.dump(TensorType(), one)) for one in prepared}
    for number, one in enumerate(leaves(model)):
        if not right & set(learnt_from(one)):
            what = type(getattr(one, "estimator", getattr(one, "module", one))).__name__
            raise InputError(
                f"member {number} ({what}) of the model of {project.name} learnt from inputs that serving does not make: between "
                "prepare@1 and its training a step changes train and validation alike. Put that change into the project's "
                "transforms or preprocess component, or into the model"
            )


def _quiet(line: str) -> None:
    """Take lines of steps that are run again; what matters stands in the figures."""
