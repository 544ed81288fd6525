"""MLflow runs of the training area: opened once per key, with all that a run must remember."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import ensure_experiment, find_runs, is_gone, log_file, log_params
from include.management import archive, code_of, git_state
from include.projects import Project
from include.settings import Settings, Zone
from include.training import augmentation
from include.training.errors import InputError
from include.training.reproducibility import code_digest, environment, git_commit, packages

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SPLIT_KEYS = ("repository", "zone", "version", "commit", "split_path", "split_digest")
DATASET_DIGEST_CHARACTERS = 36  # MLflow's limit
CODE, ARCHIVE = "environment/code.json", "environment/code.zip"
REPRODUCES = "devmlops.reproduces"  # tag of a run that trained another one again: the id of that
_chosen: ContextVar[str | None] = ContextVar("experiment", default=None)


def experiment(project: Project) -> str:
    """Return the name of the experiment of a project's training runs: the one that `within` chose, or its own."""
    return _chosen.get() or f"{project.name}/training"


@contextmanager
def within(client: MlflowClient, project: Project, name: str) -> Iterator[None]:
    """Put the runs of the block into an experiment that somebody created; an empty name means the project's own.

    Raises:
        InputError: there is no such experiment.
    """
    from include.training.experiments import OWN, find

    token = _chosen.set(find(client, project, name).name if name and name != OWN else None)
    try:
        yield
    finally:
        _chosen.reset(token)


def data_tags(split: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that tie a run or a model version to its data.

    Raises:
        InputError: the reference is no split.
    """
    missing = [key for key in SPLIT_KEYS if not split.get(key)]
    if missing:
        raise InputError(f"the split reference lacks {', '.join(missing)}: give what make_split returned")
    names = {"repository": "data_repository", "zone": "data_zone", "version": "data_version", "commit": "data_commit"}
    return {names.get(key, key): str(split[key]) for key in SPLIT_KEYS}


def split_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the reference to the split that `data_tags` wrote down."""
    names = {"repository": "data_repository", "zone": "data_zone", "version": "data_version", "commit": "data_commit"}
    return {key: tags[names.get(key, key)] for key in SPLIT_KEYS if names.get(key, key) in tags}


@contextmanager
def closing(client: MlflowClient, run_id: str) -> Iterator[None]:
    """End the run with the block: finished, or failed where it raised.

    It is killed where the process was told to stop, or MLflow did not answer: another try may go on with it.
    """
    status = "KILLED"
    try:
        yield
        status = "FINISHED"
    except Exception as cause:
        status = "KILLED" if is_gone(cause) else "FAILED"
        raise
    finally:
        client.set_terminated(run_id, status)


def find_run(client: MlflowClient, project: Project, run_id: str) -> Run:
    """Return a run of a project by its id.

    Raises:
        InputError: there is none, it was deleted, or it is another project's.
    """
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as cause:
        if cause.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise InputError(f"MLflow has no run {run_id!r}") from cause
    if run.data.tags.get("devmlops.project") != project.name:
        raise InputError(f"run {run_id} is none of {project.name}")
    if run.info.lifecycle_stage == "deleted":
        raise InputError(f"run {run_id} was deleted: restore it first (mlflow runs restore --run-id {run_id})")
    return run


def inherited(parent: Run) -> dict[str, str]:
    """Return the tags that a run nested under another one has from it: project, author, data, code and machine."""
    own = ("devmlops.kind", "devmlops.key", "devmlops.state")
    return {
        name: value
        for name, value in parent.data.tags.items()
        if name not in own and (not name.startswith("mlflow.") or name == "mlflow.user")
    }


def finished(client: MlflowClient, project: Project, kind: str, key: str | None) -> Run | None:
    """Return the run of ``kind`` that an earlier try with the same ``key`` finished.

    What an earlier try left open, because it was killed, is closed here as killed, its trials too; `resumed` may
    open it again.
    """
    if not key:
        return None
    experiment_id = ensure_experiment(client, experiment(project))
    done = None
    for run in find_runs(client, experiment_id, {"devmlops.kind": kind, "devmlops.key": key}):
        if run.info.status == "FINISHED":
            done = done or run
        elif run.info.status == "RUNNING":
            for child in [*find_runs(client, experiment_id, {"mlflow.parentRunId": run.info.run_id}), run]:
                if child.info.status == "RUNNING":
                    client.set_terminated(child.info.run_id, "KILLED")
    return done


def resumed(client: MlflowClient, project: Project, kind: str, key: str | None, params: Mapping[str, Any]) -> str | None:
    """Return the run of a wish that an earlier try left unfinished, opened again; None where there is none.

    Args:
        client: of MLflow.
        project: the project.
        kind: of the run.
        key: of the caller.
        params: of the wish; a run with other ones is not taken up, nor one of other code.
    """
    if not key:
        return None
    tags = {"devmlops.kind": kind, "devmlops.key": key, "code_digest": code_digest(project)}
    for run in find_runs(client, ensure_experiment(client, experiment(project)), tags):
        same = all(run.data.params.get(name) == str(value) for name, value in params.items())
        if same and run.info.status in ("KILLED", "RUNNING"):
            client.update_run(run.info.run_id, "RUNNING")
            return str(run.info.run_id)
    return None


def start(
    settings: Settings,
    client: MlflowClient,
    project: Project,
    kind: str,
    split: Mapping[str, Any],
    author: str,
    params: Mapping[str, Any],
    name: str,
    key: str | None = None,
    parent_run_id: str | None = None,
) -> str:
    """Open a run and write down data, code, packages, machine and parameters.

    Args:
        settings: of the product.
        client: of MLflow.
        project: the project.
        kind: ``tuning`` or ``training``.
        split: reference to the split.
        author: who started it.
        params: hyperparameters and seed.
        name: shown in MLflow.
        key: of the caller; the same key means the same wish (see `finished`).
        parent_run_id: run to nest it under.

    Returns:
        The run's id.
    """
    tags: dict[str, Any] = {
        **data_tags(split),
        "devmlops.kind": kind,
        "devmlops.project": project.name,
        "devmlops.author": author,
        "mlflow.user": author,
        "code_digest": code_digest(project),
        "git_commit": git_commit(),
    }
    wish = project.training.augmentation
    if wish:
        tags["augmentation_digest"] = augmentation.digest(wish)
    if key:
        tags["devmlops.key"] = key
    if parent_run_id:
        tags["mlflow.parentRunId"] = parent_run_id
    code = code_of(project)
    tags["project_code"] = code.digest
    place = environment()
    tags |= {f"environment.{what}": value for what, value in place.items()}
    experiment_id = ensure_experiment(client, experiment(project))
    tags = {what: value for what, value in tags.items() if value is not None}
    run_id = str(client.create_run(experiment_id, run_name=name, tags=tags).info.run_id)
    log_params(client, run_id, {**params, **augmentation.said(wish)})
    if wish:
        client.log_dict(run_id, wish.model_dump(mode="json"), augmentation.FILE)
    client.log_text(run_id, packages(), "environment/requirements.txt")
    client.log_dict(run_id, place, "environment/environment.json")
    commit, dirty = git_state(project.folder)
    client.log_dict(run_id, {"digest": code.digest, "files": code.files, "git_commit": commit, "dirty": dirty}, CODE)
    if kind == "training" and (content := archive(project)) is not None:
        log_file(client, run_id, ARCHIVE, content)  # what a release of this model carries
    _log_dataset(settings, client, run_id, project, split)
    return run_id


def _log_dataset(settings: Settings, client: MlflowClient, run_id: str, project: Project, split: Mapping[str, Any]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    url: dict[Zone, str] = {"dev": settings.data_dev_url, "ops": settings.data_ops_url}
    uri = f"lakefs://{split['repository']}/{split['commit']}/{split['split_path']}"
    source = {"uri": uri, "endpoint": url["ops" if split["zone"] == "ops" else "dev"]}
    digest = str(split["split_digest"]).removeprefix("sha256:")[:DATASET_DIGEST_CHARACTERS]
    dataset = Dataset(
        name=f"{project.name} {split['version']}",
        digest=digest,
        source_type="lakefs",
        source=json.dumps(source),
        profile=json.dumps(split.get("counts") or {}),
    )
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
