"""Reproduction: a model is trained again from its run's record alone, and what differs is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import mlflow_client, mlflow_errors, read_file
from include.projects import Project
from include.projects.augmentation import Augmentation
from include.settings import Settings
from include.training import augmentation
from include.training import parts as data
from include.training.errors import InputError
from include.training.models import PARAMS, find_version
from include.training.reproducibility import code_digest, environment, git_commit, packages
from include.training.runs import split_of
from include.training.train import fit

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

REPORT = "reports/reproduction.json"
FACTS = ("python", "platform", "cpu", "torch", "numpy", "scikit-learn")


def _say(line: str) -> None:
    print(line, flush=True)


def reproduce(
    settings: Settings,
    project: Project,
    run_id: str = "",
    version: str = "",
    author: str = "devmlops",
    tell: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Train the model of a run again: same data, split, hyperparameters, seed and epochs, with the code as it is now.

    Args:
        settings: of the product.
        project: whose run.
        run_id: of the training; or
        version: of the registered model: a number, ``confirmed``, ``production`` or ``latest``.
        author: who asks.
        tell: takes one line of progress.

    Returns:
        ``run_id`` (the new one), ``original``, ``identical`` (every metric of every epoch is), ``same_code``,
        ``metrics`` (``{name: {"was", "is", "difference"}}`` of the epoch that was kept), ``largest_difference``,
        ``differs`` (what else is not as it was: code, packages, machine), kept as ``reports/reproduction.json`` of
        the new run.

    Raises:
        InputError: no such training, or its record lacks what is needed.
        IntegrityError: the data is not what it was.
        MlflowError: MLflow went away.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"reproduce a training of {project.name}"):
        if bool(run_id) == bool(version):
            raise InputError("give either the run or the model version to reproduce")
        original = client.get_run(run_id or str(find_version(client, project, version).run_id))
        split, params, epochs = _record(client, project, original)
        differs = _differs(client, project, original)
        for line in differs:
            tell(f"not as it was: {line}")
        arrays = data.load(settings, project, split, ("train", "validation"))
        seed = int(original.data.params["seed"])
        as_then = {"seed": seed, "augmentation": _augmentation(client, original)}
        again = project.model_copy(update={"training": project.training.model_copy(update=as_then)})
        tell(f"training again: run {original.info.run_id}, seed {seed}, {epochs} epochs")
        made = fit(settings, client, again, split, arrays, params, None, author, None, None, epochs, tell)
        client.set_tag(made["run_id"], "devmlops.reproduces", original.info.run_id)
        report = _report(client, original, client.get_run(made["run_id"]), differs)
        client.log_dict(made["run_id"], report, REPORT)
        said = (
            "every metric of every epoch is identical"
            if report["identical"]
            else f"largest difference {report['largest_difference']:g}"
        )
        tell(f"reproduced: {said}")
    return report


def _record(client: MlflowClient, project: Project, run: Run) -> tuple[dict[str, str], dict[str, Any], int]:
    tags, params = run.data.tags, run.data.params
    if tags.get("devmlops.kind") != "training" or tags.get("devmlops.project") != project.name:
        raise InputError(f"run {run.info.run_id} is no training of {project.name}")
    if params.get("init_from", "random") != "random":
        raise InputError(
            f"run {run.info.run_id} went on from {params['init_from']}: reproduce that one first, then train from it"
        )
    try:
        given: Mapping[str, Any] = json.loads(read_file(client, run.info.run_id, PARAMS))
        return split_of(tags), dict(given), int(params["epochs"])
    except (FileNotFoundError, KeyError) as cause:
        raise InputError(f"run {run.info.run_id} did not finish: its record lacks {cause}") from cause


def _augmentation(client: MlflowClient, run: Run) -> Augmentation:
    """Return how the run varied its training part."""
    if "augmentation_digest" not in run.data.tags:
        return Augmentation()
    try:
        return Augmentation.model_validate(json.loads(read_file(client, run.info.run_id, augmentation.FILE)))
    except (FileNotFoundError, ValueError) as cause:
        raise InputError(f"run {run.info.run_id} varied its training part, and its record does not say how: {cause}") from cause


def _differs(client: MlflowClient, project: Project, run: Run) -> list[str]:
    found = []
    if run.data.tags.get("code_digest") != code_digest(project):
        was, now = run.data.tags.get("git_commit", "unknown"), git_commit() or "unknown"
        found.append(f"code: commit {was[:20]} then, {now[:20]} now")
    here = environment()
    for name in FACTS:
        then = run.data.tags.get(f"environment.{name}")
        if then != here.get(name):
            found.append(f"{name}: {then} then, {here.get(name)} now")
    before = set(read_file(client, run.info.run_id, "environment/requirements.txt").decode().split())
    after = set(packages().split())
    if changed := sorted(one.partition("==")[0] for one in before ^ after):
        names = list(dict.fromkeys(changed))
        found.append(f"packages: {len(names)} other ({', '.join(names[:10])}{', ...' if len(names) > 10 else ''})")
    return found


def _report(client: MlflowClient, original: Run, made: Run, differs: list[str]) -> dict[str, Any]:
    names = sorted(name for name in original.data.metrics if name.startswith(("train_", "validation_")))
    largest = 0.0
    for name in names:
        was, now = ([(m.step, m.value) for m in client.get_metric_history(r.info.run_id, name)] for r in (original, made))
        if [step for step, _ in was] != [step for step, _ in now]:
            largest = float("inf")
        else:
            largest = max([largest, *(abs(a - b) for (_, a), (_, b) in zip(was, now, strict=True))])
    kept = sorted(name for name in original.data.metrics if name.startswith("best_"))
    return {
        "run_id": made.info.run_id,
        "original": original.info.run_id,
        "identical": largest == 0,
        "largest_difference": largest if largest != float("inf") else None,
        "same_code": original.data.tags.get("code_digest") == made.data.tags.get("code_digest"),
        "metrics": {name: _pair(original.data.metrics[name], made.data.metrics.get(name)) for name in kept},
        "differs": differs,
    }


def _pair(was: float, now: float | None) -> dict[str, float | None]:
    return {"was": was, "is": now, "difference": None if now is None else now - was}
