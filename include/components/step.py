"""The job of one step: take what others made, run the component, keep what it makes; or find it done already.

A step's run lies in MLflow below the run of its workflow and holds ``outputs/<name>/...`` and ``step.json``. It ends as
finished when all of that is there, so what was killed in the middle is never read. The cache key is a digest over the
component, its code with all modules of the product that it reaches, parameters, digests of its inputs, seed, form of the
data, and the packages that compute: a finished step with the same key is taken as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import ensure_experiment, find_runs, log_metrics, log_params, mlflow_client, mlflow_errors, read_file
from include.components import values
from include.components.call import call
from include.components.declare import Component
from include.components.digest import own_digest, whole_digest
from include.components.errors import StepError
from include.components.graph import components
from include.components.learner import data_of, with_origin
from include.components.types import MetricsType, TensorType
from include.projects import Project
from include.settings import Settings
from include.training import parts as data
from include.training import runs
from include.training.reproducibility import environment

if TYPE_CHECKING:
    from mlflow import MlflowClient

KIND, RESULT, OUTPUTS = "workflow_step", "step.json", "outputs"
LONGEST = 5000  # characters of a parameter that MLflow takes; all of it stands in workflow.json
COMPUTES = ("python", "numpy", "scikit-learn", "torch")
Result = dict[str, Any]


def _say(line: str) -> None:
    print(line, flush=True)


def workflow_step(
    settings: Settings,
    project: Project,
    split: Mapping[str, Any],
    step: str,
    parent_run_id: str,
    upstream: Mapping[str, Result],
    author: str = "devmlops",
    key: str | None = None,
    fresh: bool = False,
    experiment: str = "",
    tell: Callable[[str], None] = _say,
) -> Result:
    """Run one step of the workflow of a project, unless a finished one was the same.

    Args:
        settings: of the product.
        project: whose workflow has the step.
        split: reference to the split (`include.data.make_split`).
        step: its name.
        parent_run_id: of `start_workflow`.
        upstream: what this returned for the steps that it takes outputs of.
        author: who started it.
        key: of the caller, such as an Airflow run id; the same for all steps and tries.
        fresh: compute it, even where a run with another key has the same; what this key did is not repeated.
        experiment: that the runs are in; empty takes the project's own.
        tell: takes one line of progress.

    Returns:
        ``step``, ``use``, ``run_id`` (that holds the outputs), ``outputs`` (``{name: {"type", "digest", "bytes"}}``),
        ``figures`` (of outputs that are Metrics), ``seconds`` and ``cached``.

    Raises:
        StepError: the component cannot work with what it was given, or broke what it declares.
        StepFailed: the machine failed it.
        InputError: an artefact is not what it was.
        MlflowError: MLflow went away.
    """
    assert project.workflow is not None
    if step not in project.workflow.steps:
        known = ", ".join(project.workflow.steps)
        raise StepError(step, "?", f"{project.name} has no such step; there are {known}. Start the pipeline anew")
    one = components(project)[step]
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"run step {step} of {project.name}"), runs.within(client, project, experiment):
        wanted = cache_key(project, split, step, one, upstream)
        if found := _done(client, project, wanted, key if fresh else None, fresh):
            when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(found.info.start_time / 1000))
            tell(f"step {step} ({one.use}) is not computed again: run {found.info.run_id} of {when} UTC did the same")
            result = json.loads(read_file(client, found.info.run_id, RESULT))
            return {**result, "step": step, "cached": True}
        _close_killed(client, project, step, key)
        return _compute(settings, client, project, split, step, one, parent_run_id, upstream, author, key, wanted, tell)


def cache_key(project: Project, split: Mapping[str, Any], step: str, one: Component, upstream: Mapping[str, Result]) -> str:
    """Return the digest of all that the outputs of a step depend on."""
    assert project.workflow is not None
    place = environment()
    inputs: dict[str, list[str]] = {}
    for name, references in project.workflow.steps[step].references().items():
        inputs[name] = []
        for reference in references:
            source, _, output = reference.partition(".")
            if source == "data":
                inputs[name].append(f"{split['split_digest']} {split['commit']} {output}")
            else:
                inputs[name].append(str(upstream[source]["outputs"][output]["digest"]))
    facts = {
        "use": one.use,
        "code": [own_digest(one.body), whole_digest(one.body)],
        "params": one.checked(project.workflow.steps[step].params),
        "inputs": inputs,
        "seed": project.training.seed,
        "project": [project.name, project.task, project.classes, project.data.content.model_dump(mode="json")],
        # What a component may ask its context for beyond these is the project's code and preparation.
        "preparation": [project.components.model_dump(mode="json"), [one.model_dump(mode="json") for one in project.transforms]],
        "modules": _modules(project, step, one),
        "packages": {name: place.get(name) for name in COMPUTES},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _modules(project: Project, step: str, one: Component) -> str:
    """Return a digest of the modules of the project that a component may reach by its context, which no import shows.

    Modules that hold the components of other steps do not count, unless something names or imports them: the digests of
    those components are in the keys of their own steps.
    """
    if not one.takes_context:
        return ""
    assert project.workflow is not None
    steps, own = project.workflow.steps, project.components
    params = json.dumps(one.checked(steps[step].params))
    named = [own.preprocess, own.model, own.postprocess, own.features]
    others = {it.use.partition(":")[0] for it in steps.values() if ":" in it.use}
    others -= {reference.partition(":")[0] for reference in named}
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(project.folder.rglob("*.py"))}
    files = {name: project.folder.joinpath(*name.split(".")).with_suffix(".py") for name in others}
    apart = {
        path
        for name, path in files.items()
        if f'"{name}:' not in params
        and not any(re.search(rf"\b{name.rpartition('.')[2]}\b", text) for it, text in texts.items() if it not in files.values())
    }
    total = hashlib.sha256()
    for path, text in texts.items():
        if path not in apart:
            total.update(f"{path.relative_to(project.folder).as_posix()}\0{hashlib.sha256(text.encode()).hexdigest()}\n".encode())
    return total.hexdigest()


def read_output(client: MlflowClient, project: Project, result: Result, output: str, one: Component) -> Any:
    """Return one output of a finished step.

    Raises:
        StepError: the artefact is gone, or is not the one that was written.
    """
    files = files_of(client, result, output)
    return values.load(one.outputs[output], files, project)


def files_of(client: MlflowClient, result: Result, output: str) -> values.Files:
    """Return the files of one output of a finished step, after comparing their digest."""
    folder = f"{OUTPUTS}/{output}"
    advice = "run the pipeline again with fresh"
    if not client.list_artifacts(result["run_id"], folder):
        raise StepError(result["step"], result["use"], f"its output {output} is no longer in run {result['run_id']}: {advice}")
    with tempfile.TemporaryDirectory() as place:
        root = Path(client.download_artifacts(result["run_id"], folder, place))
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    if values.digest(files) != result["outputs"][output]["digest"]:
        problem = f"its output {output} in run {result['run_id']} is not what the step wrote: {advice}"
        raise StepError(result["step"], result["use"], problem)
    return files


def _done(client: MlflowClient, project: Project, wanted: str, key: str | None, fresh: bool) -> Any:
    """Return a finished run of the same step, None where there is none; with ``fresh`` one of this key alone."""
    if fresh and key is None:
        return None
    tags = {"devmlops.kind": KIND, "devmlops.project": project.name, "devmlops.cache": wanted}
    if fresh and key:
        tags["devmlops.key"] = key
    for run in find_runs(client, ensure_experiment(client, runs.experiment(project)), tags):
        if run.info.status == "FINISHED":
            return run
    return None


def _close_killed(client: MlflowClient, project: Project, step: str, key: str | None) -> None:
    """Close the run that a killed try of the same task left open; it is never read."""
    if key is None:
        return
    tags = {"devmlops.kind": KIND, "devmlops.key": key, "devmlops.step": step}
    for run in find_runs(client, ensure_experiment(client, runs.experiment(project)), tags):
        if run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, "KILLED")


def _compute(
    settings: Settings,
    client: MlflowClient,
    project: Project,
    split: Mapping[str, Any],
    step: str,
    one: Component,
    parent: str,
    upstream: Mapping[str, Result],
    author: str,
    key: str | None,
    wanted: str,
    tell: Callable[[str], None],
) -> Result:
    assert project.workflow is not None
    params = one.checked(project.workflow.steps[step].params)
    shown = {name: str(value)[:LONGEST] for name, value in params.items()}
    run_id = runs.start(settings, client, project, KIND, split, author, shown, step, key, parent)
    with runs.closing(client, run_id):
        for name, value in (("devmlops.step", step), ("devmlops.use", one.use)):
            client.set_tag(run_id, name, value)
        began = time.monotonic()
        inputs, digests = _inputs(settings, client, project, split, step, one, upstream)
        tell(f"step {step} ({one.use}) begins")
        try:
            made = call(project, step, one, inputs, project.training.seed, tell)
        except BaseException as cause:
            if isinstance(cause, Exception):
                client.set_tag(run_id, "mlflow.note.content", str(cause)[:4000])
            client.set_terminated(parent, "FAILED" if isinstance(cause, Exception) else "KILLED")  # until another try succeeds
            raise
        files = with_origin(project, one.outputs, made, digests)
        seconds = time.monotonic() - began
        told = {
            name: {"type": str(one.outputs[name]), "digest": values.digest(it), "bytes": sum(map(len, it.values()))}
            for name, it in files.items()
        }
        figures = {
            name: json.loads(it["figures.json"]) for name, it in files.items() if isinstance(one.outputs[name], MetricsType)
        }
        result: Result = {"step": step, "use": one.use, "run_id": run_id, "outputs": told, "figures": figures}
        result |= {"seconds": round(seconds, 3), "cached": False}
        _keep(client, run_id, files, result)
        flat = {re.sub(r"[^\w.\- :/]", "_", name)[:200]: value for found in figures.values() for name, value in found.items()}
        log_metrics(client, run_id, flat)
        log_params(client, run_id, {}, {"devmlops.cache": wanted})  # last: only what is whole can be found by it
        tell(f"step {step} ({one.use}) done in {seconds:.1f} s")
    return result


def _inputs(
    settings: Settings,
    client: MlflowClient,
    project: Project,
    split: Mapping[str, Any],
    step: str,
    one: Component,
    upstream: Mapping[str, Result],
) -> tuple[dict[str, Any], list[str]]:
    """Return the inputs of a step, and the digests of those that are tensors."""
    assert project.workflow is not None
    references = project.workflow.steps[step].references()
    known = components(project)
    needs_data = any(name.startswith("data.") for names in references.values() for name in names)
    loaded = data.load(settings, project, split, ("train", "validation")) if needs_data else {}
    inputs, digests = {}, []
    for name, wanted in references.items():
        found = []
        for reference in wanted:
            source, _, output = reference.partition(".")
            if source == "data":
                found.append(data_of(loaded, output))
                continue
            found.append(read_output(client, project, upstream[source], output, known[source]))
            if isinstance(known[source].outputs[output], TensorType):
                digests.append(str(upstream[source]["outputs"][output]["digest"]))
        inputs[name] = found if one.inputs[name].many else found[0]
    return inputs, digests


def _keep(client: MlflowClient, run_id: str, files: Mapping[str, values.Files], result: Result) -> None:
    with tempfile.TemporaryDirectory() as place:
        for output, inside in files.items():
            for name, content in inside.items():
                path = Path(place, OUTPUTS, output, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        Path(place, RESULT).write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
        client.log_artifacts(run_id, place)
