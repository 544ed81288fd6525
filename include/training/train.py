"""Training of one model with chosen hyperparameters, kept as an MLflow run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import log_file, log_history, log_metrics, log_params, mlflow_client, mlflow_errors, read_file
from include.projects import Project
from include.reports.links import mlflow_run_url
from include.settings import Settings
from include.training import parts as data
from include.training import plots, runs
from include.training.distributed import trainer
from include.training.learners import Epoch, Learner
from include.training.models import FOLDER, PARAMS
from include.training.origin import Origin, find_origin
from include.training.own_code import own_code
from include.training.parts import Arrays
from include.training.scores import metric

if TYPE_CHECKING:
    from mlflow import MlflowClient

RESULT = "training.json"


def _say(line: str) -> None:
    print(line, flush=True)


def train(
    settings: Settings,
    project: Project,
    split: Mapping[str, Any],
    params: Mapping[str, Any],
    parent_run_id: str | None = None,
    author: str = "devmlops",
    init_from: str | None = None,
    key: str | None = None,
    epochs: int | None = None,
    experiment: str = "",
    tell: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Train one model, keep the weights of its best epoch, and write down how it was made.

    The same split, params, seed and code give the same metrics. A training with a ``key`` that an earlier try
    already finished is not run again; one that was killed starts afresh.

    Args:
        settings: of the product.
        project: gives epochs, seed and components.
        split: reference to the split (`include.data.make_split`).
        params: hyperparameters, such as the best of `tune`.
        parent_run_id: run to nest this one under, such as that of `tune`.
        author: who started it.
        init_from: version or alias of a model whose weights it begins with, of another project as ``model@version``;
            none takes ``training.start_from`` of project.yaml.
        key: of the caller, such as an Airflow run id.
        epochs: instead of the project's number.
        experiment: that somebody created for it; empty takes the project's own.
        tell: takes one line of progress.

    Returns:
        ``run_id``, ``metrics`` (of the best epoch, with ``best_epoch``) and ``url``, the run in MLflow.

    Raises:
        InputError: the split, the params or the weights to begin with cannot be used.
        TrainingError: training went astray, or the project's code raised.
        TrainingFailed: workers were lost; another try may help.
        MlflowError: MLflow went away.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"train {project.name}"), runs.within(client, project, experiment):
        earlier = runs.finished(client, project, "training", key)
        if earlier:
            tell(f"this training is done already: run {earlier.info.run_id}")
            return dict(json.loads(read_file(client, earlier.info.run_id, RESULT)))
        arrays = data.load(settings, project, split, ("train", "validation"))
        return fit(settings, client, project, split, arrays, params, parent_run_id, author, init_from, key, epochs, tell)


def fit(
    settings: Settings,
    client: MlflowClient,
    project: Project,
    split: Mapping[str, Any],
    arrays: Mapping[str, Arrays],
    params: Mapping[str, Any],
    parent_run_id: str | None,
    author: str,
    init_from: str | Origin | None,
    key: str | None,
    epochs: int | None,
    tell: Callable[[str], None],
    using: Learner | None = None,
) -> dict[str, Any]:
    """Train on arrays that are loaded already, by a learner other than the project's where given; arguments as of `train`.

    ``init_from`` may be the model itself.
    """
    seed, most, deciding = project.training.seed, epochs or project.training.epochs, metric(project)
    origin = init_from if isinstance(init_from, Origin) else find_origin(settings, client, project, init_from)
    initial = origin.files if origin else None
    if origin:
        params = {**params, **origin.shape}
        arrays = {name: origin.prepared(project, part, name) for name, part in arrays.items()}
        tell(f"it begins with the weights of {origin.told}, with its params {origin.shape}")
    logged = {**params, "seed": seed, "epochs": most, "init_from": origin.told if origin else "random"}
    if origin:
        logged["init_from_run"] = origin.run_id
    run_id = runs.start(settings, client, project, "training", split, author, logged, "training", key, parent_run_id)

    def report(epoch: Epoch) -> None:
        said = f"train_loss {epoch['train_loss']:.4f} {deciding} {epoch[deciding]:.4f}"
        tell(f"epoch {epoch['epoch']}/{most} {said}")

    with runs.closing(client, run_id):
        by = using or trainer(settings, project, params)
        if place := by.place():
            tell(f"it trains on {place}")
        with own_code(project, params):
            trained = by.fit(project, params, arrays, seed, most, report, initial)
        metrics = {**{k: v for k, v in trained.best.items() if k != "epoch"}, "best_epoch": float(trained.best_epoch)}
        log_history(client, run_id, [(int(e["epoch"]), {k: v for k, v in e.items() if k != "epoch"}) for e in trained.history])
        log_metrics(client, run_id, {f"best_{k}": v for k, v in metrics.items() if k.startswith("validation")}, most)
        log_metrics(client, run_id, {"best_epoch": trained.best_epoch}, most)
        log_params(
            client,
            run_id,
            {
                "train_rows": len(arrays["train"].labels),
                "parameters": trained.size,
                "framework": trained.framework,
                "workers": project.training.workers,
            },
        )
        ready = arrays["train"].preparation
        for name, content in {**trained.files(), **(ready.files() if ready else {})}.items():
            log_file(client, run_id, f"{FOLDER}/{name}", content)
        log_file(client, run_id, PARAMS, json.dumps(dict(params), sort_keys=True, indent=1).encode())
        log_file(client, run_id, "plots/loss.png", plots.loss(trained.history, trained.best_epoch, deciding))
        place = client.get_run(run_id).info.experiment_id
        result = {"run_id": run_id, "metrics": metrics, "url": mlflow_run_url(settings, place, run_id)}
        client.log_dict(run_id, result, RESULT)
    return result
