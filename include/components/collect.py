"""The end of a workflow: its model becomes a training run as any other, and the page of the graph shows what happened."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from include.clients.mlflow import log_file, log_metrics, mlflow_client, mlflow_errors, read_file
from include.components.errors import StepError
from include.components.learner import Collected, params_of
from include.components.models import load_model
from include.components.page import graph_page
from include.components.start import REPORT
from include.components.step import files_of
from include.projects import Project
from include.settings import Settings
from include.training import parts as data
from include.training import runs
from include.training.train import RESULT, fit


def _say(line: str) -> None:
    print(line, flush=True)


def workflow_model(
    settings: Settings,
    project: Project,
    split: Mapping[str, Any],
    parent_run_id: str,
    steps: Mapping[str, Mapping[str, Any]],
    author: str = "devmlops",
    key: str | None = None,
    experiment: str = "",
    tell: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Keep the model of a workflow as a training run, which is evaluated, registered and confirmed like any other.

    Args:
        settings: of the product.
        project: whose workflow.
        split: reference to the split.
        parent_run_id: of `start_workflow`.
        steps: what `workflow_step` returned, by step.
        author: who started it.
        key: of the caller; what an earlier try with it finished is not done again.
        experiment: that the run is in; empty takes the project's own.
        tell: takes one line of progress.

    Returns:
        ``run_id`` and ``metrics``, as `include.training.train` does, and ``parent_run_id``.

    Raises:
        InputError: serving would prepare items otherwise than the steps did.
        StepError: a step is missing, or its artefact is not what it was.
        MlflowError: MLflow went away.
    """
    assert project.workflow is not None
    if missing := [name for name in project.workflow.steps if name not in steps]:
        raise StepError(missing[0], project.workflow.steps[missing[0]].use, "did not run: start the pipeline anew")
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"keep the model of the workflow of {project.name}"), runs.within(client, project, experiment):
        earlier = runs.finished(client, project, "training", key)
        if earlier:
            tell(f"the model is kept already: run {earlier.info.run_id}")
            made = dict(json.loads(read_file(client, earlier.info.run_id, RESULT)))
        else:
            step, _, output = project.workflow.model.partition(".")
            model = load_model(project, files_of(client, dict(steps[step]), output))
            arrays = data.load(settings, project, split, ("train", "validation"))
            params = params_of(project)
            using = Collected(model)
            made = fit(settings, client, project, split, arrays, params, parent_run_id, author, None, key, 1, tell, using)
            for name, one in steps.items():
                client.set_tag(made["run_id"], f"devmlops.step.{name}", str(one["run_id"]))
        log_file(client, parent_run_id, REPORT, graph_page(project, steps, made).encode())
        counted = {"steps": len(steps), "steps_cached": sum(bool(one["cached"]) for one in steps.values())}
        log_metrics(client, parent_run_id, {**counted, **made["metrics"]})
        client.set_terminated(parent_run_id, "FINISHED")
        tell(f"{counted['steps_cached']} of {counted['steps']} steps were not computed again")
    return {**made, "parent_run_id": parent_run_id}
