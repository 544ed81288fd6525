"""Hyperparameter search: Ray Tune, every trial an MLflow run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import log_file, log_metrics, log_params, mlflow_client, mlflow_errors, read_file
from include.projects import Project
from include.reports.links import mlflow_run_url
from include.reports.numbers import named
from include.settings import Settings
from include.training import parts as data
from include.training import runs, tuning_plots
from include.training.errors import TrainingError, TrainingFailed
from include.training.origin import Start, find_origin
from include.training.parts import Arrays
from include.training.scores import metric, mode
from include.training.search import points, run
from include.training.space import Point, narrowed, size
from include.training.trial_log import TrialLog

if TYPE_CHECKING:
    from mlflow import MlflowClient

RESULT = "tuning.json"
LOAD_AFTER_S = 15  # Ray has started by then, and what the plots need can be imported beside it


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
    experiment: str = "",
    init_from: str | None = None,
    tell: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Search the hyperparameters that project.yaml opens, and name the best.

    A search with a ``key`` that an earlier try already finished is not run again: its result comes back. One that
    was killed goes on under the same parent run: trials that were done stay done, those in the middle begin anew.

    Args:
        settings: of the product.
        project: gives trials, workers, epochs, metric and space.
        split: reference to the split (`include.data.make_split`).
        author: who started it.
        key: of the caller, such as an Airflow run id.
        trials: instead of the project's number.
        epochs: instead of the project's number.
        experiment: that somebody created for it; empty takes the project's own.
        init_from: version or alias of a model whose weights each trial begins with, as of `include.training.train`; what
            shapes it is not searched.
        tell: takes one line of progress.

    Returns:
        ``best`` (params that a training takes, run_id, value, epoch), ``trials`` (number, run_id, params that were searched,
        as a member of a population ended with them, state, epochs, value), ``metric``, ``parent_run_id`` and ``url``, its
        run in MLflow.

    Raises:
        InputError: the split or the project cannot be used.
        TrainingError: no trial gave a model, for the project's code raised in each.
        TrainingFailed: none did, since workers were lost or time ran out; another try may help.
        MlflowError: MLflow went away; another try goes on with the trials that were done.
    """
    metric(project)
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"search hyperparameters of {project.name}"), runs.within(client, project, experiment):
        earlier = runs.finished(client, project, "tuning", key)
        if earlier:
            tell(f"this search is done already: run {earlier.info.run_id}")
            return dict(json.loads(read_file(client, earlier.info.run_id, RESULT)))
        arrays = data.load(settings, project, split, ("train", "validation"))
        return search(settings, client, project, split, arrays, author, key, trials, epochs, tell, init_from)


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
    init_from: str | None = None,
) -> dict[str, Any]:
    """Search over arrays that are loaded already; arguments as of `tune`."""
    origin = find_origin(settings, client, project, init_from)
    start = origin.start if origin else Start()
    if origin:
        arrays = {name: origin.prepared(project, part, name) for name, part in arrays.items()}
        project = narrowed(project, start.fixed)
        tell(f"trials begin with the weights of {origin.told}, which fixes {named(start.fixed) or 'no hyperparameter'}")
    wish, deciding = project.training.tuning, metric(project)
    wanted, most = trials or wish.trials, epochs or wish.epochs
    listed = points(project, wanted)
    total = min(wanted, size(project) or wanted) if listed is None else len(listed)
    if total < wanted:
        tell(_why_fewer(wish.search, total, wanted))
    params = {"trials": total, "workers": wish.workers, "max_epochs": most, "metric": deciding, "seed": project.training.seed}
    params |= {"search": wish.search, "early_stopping": wish.early_stopping, "init_from": origin.told if origin else "random"}
    params |= {"init_from_run": origin.run_id} if origin else {}
    parent = runs.resumed(client, project, "tuning", key, params)
    parent = parent or runs.start(settings, client, project, "tuning", split, author, params, "tuning", key)
    with runs.closing(client, parent):
        run_of_all = client.get_run(parent)
        log = TrialLog(
            client,
            run_of_all.info.experiment_id,
            parent,
            total,
            most,
            deciding,
            mode(project),
            tell,
            runs.inherited(run_of_all),
            {**{name: params[name] for name in ("seed", "init_from", "init_from_run") if name in params}, **start.fixed},
        )
        log.recall()
        known = [trial.params for trial in log.trials.values()]
        left = None if listed is None else _without(listed, known)
        count = total - len(known) if left is None else len(left)
        if wish.search == "population" and wish.workers < count:
            tell(f"{wish.workers} of {count} members live at once, and learn from each other: see training.tuning.workers")
        if known:
            tell(f"search goes on: {len(known)} of {total} trials were done before")
        share = f", each with {wish.resources.gpu:g} GPU" if wish.resources.gpu else ""
        tell(f"search ({wish.search}): {count} trials of at most {most} epochs on {wish.workers} workers{share}")
        ready = threading.Timer(LOAD_AFTER_S, tuning_plots.load)
        ready.daemon = True

        def close() -> None:
            """Close the runs of a search whose Ray died; another try opens the parent again."""
            log.abandon()
            client.set_terminated(parent, "KILLED")

        try:
            ready.start()
            errors = run(settings, project, arrays, left, count, most, log, start, close) if count > 0 else []
        finally:
            ready.cancel()
            log.abandon()
        if log.best() is None:
            spent = f"no result in {wish.budget.minutes:g} minutes" if wish.budget.minutes else "no result"
            said = f"none of {total} trials gave a model; the first error: {errors[0] if errors else spent}"
            raise TrainingError(said) if len(log.errors) >= count else TrainingFailed(said)
        result = {**_result(log, parent, start), "url": mlflow_run_url(settings, log.experiment_id, parent)}
        top = result["best"]
        log_params(client, parent, {f"best_{name}": value for name, value in top["params"].items()})
        stopped = sum(t.state == "stopped early" for t in log.trials.values())
        log_metrics(client, parent, {f"best_{deciding}": top["value"], "trials_stopped_early": stopped})
        for name, png in tuning_plots.plots(project, result).items():
            log_file(client, parent, f"plots/{name}.png", png)
        client.log_dict(parent, result, RESULT)
        tell(f"best: trial {top['number']} with {deciding} {top['value']:.4f}: {named(top['params'])}")
    return result


def _why_fewer(search: str, total: int, wanted: int) -> str:
    """Return why there are fewer trials than asked for."""
    if total == 1:
        return f"training.tuning.space leaves nothing to choose: one trial, not {wanted}, for all would be the same"
    told = f"the space has {total} points: {total} trials, not {wanted}"
    return told if search == "grid" else f"{told}, for none is tried twice"


def _without(listed: list[Point], known: list[Point]) -> list[Point]:
    """Return the points that are still to be tried; one that is listed twice is tried twice."""
    left = list(listed)
    for point in known:
        if point in left:
            left.remove(point)
    return left


def _result(log: TrialLog, parent: str, start: Start) -> dict[str, Any]:
    rows = []
    for t in sorted(log.trials.values(), key=lambda trial: trial.number):
        epoch = log.top(t)
        row = {"number": t.number, "run_id": t.run_id, "params": t.now, "state": t.state, "epochs": len(t.history)}
        rows.append({**row, "value": epoch[log.metric] if epoch else None})
    best = log.best()
    assert best is not None
    epoch = log.top(best)
    assert epoch is not None
    top = {"number": best.number, "params": {**best.params_of(epoch), **start.fixed}, "run_id": best.run_id}
    top |= {"value": epoch[log.metric], "epoch": int(epoch["epoch"])}
    return {"best": top, "trials": rows, "metric": log.metric, "parent_run_id": parent}
