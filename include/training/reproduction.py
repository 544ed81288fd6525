"""Reproduction: a model is trained again from its run's record alone, and what differs is told."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import log_file, mlflow_client, mlflow_errors, read_file
from include.management import recorded_project
from include.projects import Project
from include.projects.augmentation import Augmentation
from include.reports.links import mlflow_run_url
from include.settings import Settings
from include.training import augmentation, runs
from include.training import parts as data
from include.training.errors import InputError
from include.training.evaluate import evaluate
from include.training.metrics import gate_metric
from include.training.models import PARAMS, find_version
from include.training.origin import Origin, origin_of
from include.training.reproduction_report import compared, differences, report_page
from include.training.train import fit

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

REPORT, PAGE = "reports/reproduction.json", "reports/reproduction.html"


def _say(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True)
class Record:
    """What a run remembers of its training.

    Attributes:
        split: reference to the split.
        params: hyperparameters.
        seed: of everything random.
        epochs: at most so many.
        augmentation: how the training part was varied.
        begins: told of the model that it began with, and the run that made that; None where it began with random weights.
        code: digest of the project's code; None for a run that was trained before runs kept it.
        archive: that code; None where the run kept no copy.
    """

    split: dict[str, str]
    params: Mapping[str, Any]
    seed: int
    epochs: int
    augmentation: Augmentation
    begins: tuple[str, str] | None
    code: str | None
    archive: bytes | None


def reproduce(
    settings: Settings,
    project: Project,
    run_id: str = "",
    version: str = "",
    author: str = "devmlops",
    key: str | None = None,
    tell: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Train the model of a run again and evaluate it: same code and settings of the project, data, hyperparameters and seed.

    A project's code comes from the run's own copy, and so do the settings of its project.yaml; the model that the run
    began with is the one it began with then. What trains is the product as it is installed now.

    Args:
        settings: of the product.
        project: whose run; its folder may hold other code meanwhile.
        run_id: of the training; or
        version: of the registered model: a number, ``confirmed``, ``production`` or ``latest``.
        author: who asks.
        key: of the caller, such as an Airflow run id; what an earlier try with it finished is not done again.
        tell: takes one line of progress.

    Returns:
        ``run_id`` (the new one), ``original``, ``identical`` (every metric of every epoch, and every one of the test part
        where the original was evaluated), ``evaluated``, ``same_code`` (of project and product), ``metrics`` (``{name:
        {"was", "is", "difference"}}`` of the epoch that was kept and of the test part), ``differing`` (names of the
        metrics that are not the same), ``largest_difference``, ``differs`` (what else is not as it was: code, packages,
        machine) and ``report``, the page's address. Kept as ``reports/reproduction.json`` of the new run.

    Raises:
        InputError: no such training, or its record lacks what is needed.
        NotReleased: the run's copy of its code is not what it was trained with.
        IntegrityError: the data is not what it was.
        MlflowError: MLflow went away.
    """
    if bool(run_id) == bool(version):
        raise InputError("give either the run or the model version to reproduce")
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"reproduce a training of {project.name}"), tempfile.TemporaryDirectory() as place:
        original = runs.find_run(client, project, run_id or str(find_version(client, project, version).run_id))
        record = _record(client, original)
        earlier = _earlier(client, project, key, original.info.run_id)
        if earlier and (done := _done(client, earlier)):
            tell(f"this reproduction is done already: run {earlier}")
            return done
        there = _as_then(project, record, Path(place) / f"run {original.info.run_id}")
        differs = differences(client, there, original)
        for line in differs:
            tell(f"not as it was: {line}")
        made = earlier or _again(settings, client, there, record, original.info.run_id, author, key, tell)
        client.set_tag(made, runs.REPRODUCES, original.info.run_id)
        evaluated = f"test_{gate_metric(there).name}" in original.data.metrics
        if evaluated:
            evaluate(settings, there, record.split, made, tell)
        else:
            tell("the original was never evaluated, so its test metrics are not compared")
        again = client.get_run(made)
        report = {
            **compared(client, there, original, again),
            "evaluated": evaluated,
            "differs": differs,
            "report": mlflow_run_url(settings, again.info.experiment_id, made, PAGE),
        }
        log_file(client, made, PAGE, report_page(settings, there, original, again, report).encode())
        client.log_dict(made, report, REPORT)
        said = "every metric is identical" if report["identical"] else f"{len(report['differing'])} metrics differ"
        largest = report["largest_difference"]
        tell(f"reproduced: {said}" + (f", by {largest:g} at most" if largest else ""))
    return report


def _record(client: MlflowClient, run: Run) -> Record:
    tags, params, run_id = run.data.tags, run.data.params, run.info.run_id
    if tags.get("devmlops.kind") != "training":
        raise InputError(f"run {run_id} is no training")
    begins = None
    if params.get("init_from", "random") != "random":
        if "init_from_run" not in params:
            raise InputError(f"run {run_id} began with {params['init_from']}, and its record does not say which run made that")
        begins = params["init_from"], params["init_from_run"]
    try:
        given: Mapping[str, Any] = json.loads(read_file(client, run_id, PARAMS))
        seed, epochs = int(params["seed"]), int(params["epochs"])
    except (FileNotFoundError, KeyError) as cause:
        raise InputError(f"run {run_id} did not finish: its record lacks {cause}") from cause
    code = tags.get("project_code")
    return Record(
        runs.split_of(tags),
        given,
        seed,
        epochs,
        _augmentation(client, run),
        begins,
        code,
        _file(client, run_id, runs.ARCHIVE) if code else None,
    )


def _file(client: MlflowClient, run_id: str, path: str) -> bytes | None:
    try:
        return read_file(client, run_id, path)
    except FileNotFoundError:
        return None


def _augmentation(client: MlflowClient, run: Run) -> Augmentation:
    """Return how the run varied its training part."""
    if "augmentation_digest" not in run.data.tags:
        return Augmentation()
    try:
        return Augmentation.model_validate(json.loads(read_file(client, run.info.run_id, augmentation.FILE)))
    except (FileNotFoundError, ValueError) as cause:
        raise InputError(f"run {run.info.run_id} varied its training part, and its record does not say how: {cause}") from cause


def _earlier(client: MlflowClient, project: Project, key: str | None, original: str) -> str | None:
    """Return the run in which an earlier try trained the same again; one that was killed meanwhile is closed."""
    found = runs.finished(client, project, "training", key)
    return str(found.info.run_id) if found and found.data.tags.get(runs.REPRODUCES, original) == original else None


def _done(client: MlflowClient, run_id: str) -> dict[str, Any] | None:
    """Return what an earlier try told; None where it died before it did."""
    kept = _file(client, run_id, REPORT)
    return dict(json.loads(kept)) if kept else None


def _as_then(project: Project, record: Record, folder: Path) -> Project:
    """Return the project as it was: code and settings of the record, or of the folder where the run kept no digest."""
    there = recorded_project(project, record.archive, record.code, folder) if record.code else project
    as_then: dict[str, Any] = {"seed": record.seed, "augmentation": record.augmentation}
    if record.begins is None:
        as_then["start_from"] = None
    return there.model_copy(update={"training": there.training.model_copy(update=as_then)})


def _again(
    settings: Settings,
    client: MlflowClient,
    project: Project,
    record: Record,
    original: str,
    author: str,
    key: str | None,
    tell: Callable[[str], None],
) -> str:
    """Train, and return the new run's id."""
    origin: Origin | None = origin_of(client, record.begins[1], record.begins[0]) if record.begins else None
    arrays = data.load(settings, project, record.split, ("train", "validation"))
    tell(f"training again: run {original}, seed {record.seed}, {record.epochs} epochs")
    split, params, epochs = record.split, record.params, record.epochs
    return str(fit(settings, client, project, split, arrays, params, None, author, origin, key, epochs, tell)["run_id"])
