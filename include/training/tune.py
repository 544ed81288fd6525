"""Hyperparameter search: Ray Tune with ASHA, every trial an MLflow run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import log_metrics, log_params, mlflow_client, mlflow_errors, read_file
from include.clients.ray import local_cluster
from include.projects import Project
from include.settings import Settings
from include.training import parts as data
from include.training import runs
from include.training.errors import TrainingError
from include.training.parts import Arrays
from include.training.scores import metric, mode
from include.training.trial import space, trial
from include.training.trial_log import TrialLog

if TYPE_CHECKING:
    from mlflow import MlflowClient

RESULT = "tuning.json"
REDUCTION = 3


def _say(line: str) -> None:
    print(line, flush=True)


def tune(
    settings: Settings,
    project: Project,
    split: Mapping[str, Any],
    author: str = "devmlops",
    key: str | None = None,
    trials: int | None = None,
    epochs: int | None = None,
    tell: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Search the hyperparameters that project.yaml opens, and name the best.

    A search with a ``key`` that an earlier try already finished is not run again: its result comes back. A
    search that was killed starts afresh, under a new parent run; what it left open is closed as killed.

    Args:
        settings: of the product.
        project: gives trials, workers, epochs, metric and space.
        split: reference to the split (`include.data.make_split`).
        author: who started it.
        key: of the caller, such as an Airflow run id.
        trials: instead of the project's number.
        epochs: instead of the project's number.
        tell: takes one line of progress.

    Returns:
        ``best`` (params, run_id, value, epoch), ``trials`` (number, run_id, params, state, epochs, value),
        ``metric`` and ``parent_run_id``.

    Raises:
        InputError: the split or the project cannot be used.
        TrainingError: no trial gave a model.
        MlflowError: MLflow went away.
    """
    metric(project)
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"search hyperparameters of {project.name}"):
        earlier = runs.finished(client, project, "tuning", key)
        if earlier:
            tell(f"this search is done already: run {earlier.info.run_id}")
            return dict(json.loads(read_file(client, earlier.info.run_id, RESULT)))
        arrays = data.load(settings, project, split, ("train", "validation"))
        return search(settings, client, project, split, arrays, author, key, trials, epochs, tell)


def search(
    settings: Settings,
    client: MlflowClient,
    project: Project,
    split: Mapping[str, Any],
    arrays: Mapping[str, Arrays],
    author: str,
    key: str | None,
    trials: int | None,
    epochs: int | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Search over arrays that are loaded already; arguments as of `tune`."""
    wish, deciding = project.training.tuning, metric(project)
    total, most = trials or wish.trials, epochs or wish.epochs
    params = {"trials": total, "workers": wish.workers, "max_epochs": most, "metric": deciding, "seed": project.training.seed}
    parent = runs.start(settings, client, project, "tuning", split, author, params, "tuning", key)
    with runs.closing(client, parent):
        experiment_id = client.get_run(parent).info.experiment_id
        log = TrialLog(client, experiment_id, parent, total, most, deciding, tell)
        tell(f"search: {total} trials of at most {most} epochs on {wish.workers} workers")
        try:
            errors = _run(settings, project, arrays, total, most, log)
        finally:
            log.abandon()
        best = log.best()
        if best is None:
            raise TrainingError(f"none of {total} trials gave a model; the first error: {errors[0] if errors else 'no result'}")
        result = _result(log, parent)
        top = result["best"]
        log_params(client, parent, {f"best_{name}": value for name, value in top["params"].items()})
        log_metrics(client, parent, {f"best_{deciding}": top["value"], "trials_stopped_early": _stopped(log)})
        client.log_dict(parent, result, RESULT)
        tell(f"best: trial {best.number} with {deciding} {top['value']:.4f}: {top['params']}")
    return result


def _run(settings: Settings, project: Project, arrays: Mapping[str, Arrays], total: int, most: int, log: TrialLog) -> list[str]:
    wish = project.training.tuning
    size = sum(part.inputs.nbytes + part.contents.nbytes + part.labels.nbytes for part in arrays.values())
    with local_cluster(settings, wish.workers, max(128 * 2**20, 2 * size)) as folder:
        from ray import tune
        from ray.tune.schedulers import ASHAScheduler
        from ray.tune.search.basic_variant import BasicVariantGenerator

        train = tune.with_parameters(trial, project=project, parts=dict(arrays), seed=project.training.seed, epochs=most)
        asha = ASHAScheduler(time_attr="epoch", max_t=most, grace_period=min(wish.grace_epochs, most), reduction_factor=REDUCTION)
        tuner = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            param_space=space(project),
            tune_config=tune.TuneConfig(
                metric=metric(project),
                mode=mode(project),
                num_samples=total,
                scheduler=asha,
                search_alg=BasicVariantGenerator(max_concurrent=wish.workers, random_state=project.training.seed),
                reuse_actors=True,  # starting a worker costs more than a trial
            ),
            run_config=tune.RunConfig(name="search", storage_path=str(folder), verbose=0, callbacks=[log.callback()]),
        )
        return [_last_line(error) for error in tuner.fit().errors]


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _stopped(log: TrialLog) -> int:
    return sum(t.state == "stopped early" for t in log.trials.values())


def _result(log: TrialLog, parent: str) -> dict[str, Any]:
    rows = []
    for t in log.trials.values():
        epoch = t.best(log.metric)
        row = {"number": t.number, "run_id": t.run_id, "params": t.params, "state": t.state, "epochs": len(t.history)}
        rows.append({**row, "value": epoch[log.metric] if epoch else None})
    best = log.best()
    assert best is not None
    epoch = best.best(log.metric)
    assert epoch is not None
    top = {"params": best.params, "run_id": best.run_id, "value": epoch[log.metric], "epoch": int(epoch["epoch"])}
    return {"best": top, "trials": rows, "metric": log.metric, "parent_run_id": parent}
