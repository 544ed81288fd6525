"""The search itself: Ray Tune with the algorithm, the early stopping and the budget that project.yaml names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from include.clients.ray import cluster
from include.projects import Project
from include.settings import Settings
from include.training.errors import InputError
from include.training.parts import Arrays
from include.training.scores import direction, metric, mode
from include.training.space import Point, distributions, domain, grid, sample, suggest
from include.training.trial import member, trial
from include.training.trial_log import TrialLog

if TYPE_CHECKING:
    from ray.tune import Stopper

REDUCTION = 3
INTERVALS = 4  # stretches of a population's training
LOST = 3  # how often a trial may lose its worker


def points(project: Project, total: int) -> list[Point] | None:
    """Return the points of a search whose points do not depend on results; None where they do.

    Raises:
        InputError: fewer trials are asked for than a grid has points.
    """
    how = project.training.tuning.search
    if how == "grid":
        every = grid(project)
        if total < len(every):
            problem = f"the grid of {project.name} has {len(every)} points, and {total} trials were asked for"
            raise InputError(f"{problem}: leave trials empty, for a grid tries every point")
        return every
    return None if how == "bayesian" else [sample(project, number) for number in range(1, total + 1)]


def run(
    settings: Settings,
    project: Project,
    arrays: Mapping[str, Arrays],
    open_points: Sequence[Point] | None,
    count: int,
    epochs: int,
    log: TrialLog,
    on_gone: Callable[[], None] | None = None,
) -> list[str]:
    """Run trials until all are done or the budget is used up.

    Args:
        settings: of the product.
        project: gives the search.
        arrays: ``train`` and ``validation``.
        open_points: what is still to be tried; None lets the search choose ``count`` points.
        count: how many trials.
        epochs: of a trial, at most.
        log: takes every trial; its finished ones of an earlier try teach a Bayesian search.
        on_gone: called before this process ends because Ray died under it.

    Returns:
        The last line of each error of the model's code, then of each trial whose worker was lost again and again.

    Raises:
        InputError: the search asks for GPUs, and there are none.
    """
    wish = project.training.tuning
    gpus = 0 if settings.job_runtime == "ray" else _gpus(wish.resources.gpu)  # a cluster has those of its nodes
    size = sum(part.inputs.nbytes + getattr(part.contents, "nbytes", 0) + part.labels.nbytes for part in arrays.values())
    cpus = max(1, round(wish.workers * wish.resources.cpu))
    with cluster(settings, cpus, max(128 * 2**20, 2 * size), gpus, wish.resources.cpu, on_gone) as folder:
        from ray import tune

        interval = max(1, epochs // INTERVALS)
        share = {"project": project, "parts": dict(arrays), "seed": project.training.seed, "epochs": epochs}
        population = wish.search == "population"
        call: Any = (
            tune.with_parameters(member, **share, interval=interval) if population else tune.with_parameters(trial, **share)
        )
        tuner = tune.Tuner(
            tune.with_resources(call, {"cpu": wish.resources.cpu, "gpu": wish.resources.gpu}),
            param_space={name: domain(given) for name, given in wish.space.items()} if population else None,
            tune_config=tune.TuneConfig(
                metric=metric(project),
                mode=mode(project),
                num_samples=count,
                max_concurrent_trials=None if population else wish.workers,
                scheduler=_scheduler(project, epochs, interval),
                search_alg=_algorithm(project, open_points, log),
                time_budget_s=wish.budget.minutes * 60 if wish.budget.minutes else None,
                reuse_actors=not population,  # starting a worker costs more than a trial
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(folder),
                verbose=0,
                callbacks=[log.callback()],
                stop=_stopper(project),
                failure_config=tune.FailureConfig(max_failures=LOST),
            ),
        )
        lost = tuner.fit().errors
        log.wind_up()
        return [*log.errors, *(str(error).strip().splitlines()[-1] for error in lost)]


def _algorithm(project: Project, open_points: Sequence[Point] | None, log: TrialLog) -> Any:
    if project.training.tuning.search == "population":  # takes no other searcher than Ray's own
        from ray.tune.search.basic_variant import BasicVariantGenerator

        workers, seed = project.training.tuning.workers, project.training.seed
        return BasicVariantGenerator(points_to_evaluate=list(open_points or ()), max_concurrent=workers, random_state=seed)
    if open_points is not None:
        return _listed(open_points)
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=project.training.seed, n_startup_trials=5, constant_liar=True)
    return _Optuna(project, log, OptunaSearch, sampler)


def _listed(open_points: Sequence[Point]) -> Any:
    """Return a searcher that gives each point once, in order."""
    from ray.tune.search import Searcher

    class Listed(Searcher):
        def __init__(self) -> None:
            super().__init__()
            self.left = list(open_points)

        def suggest(self, trial_id: str) -> Any:
            return self.left.pop(0) if self.left else Searcher.FINISHED

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            return None

    return Listed()


def _Optuna(project: Project, log: TrialLog, base: Any, sampler: Any) -> Any:
    """Return Optuna as a searcher that begins with what an earlier try found out."""
    import optuna
    from ray.tune.search import Searcher

    way: Literal["maximize", "minimize"] = "maximize" if mode(project) == "max" else "minimize"
    study = optuna.create_study(direction=way, sampler=sampler)
    for known in log.trials.values():
        if best := known.best(log.metric):
            values, found = distributions(project, known.params)
            study.add_trial(optuna.trial.create_trial(params=values, distributions=found, value=best[log.metric]))

    class Bayesian(Searcher):
        def __init__(self) -> None:
            super().__init__(metric=log.metric, mode=direction(log.metric))
            self.asked: dict[str, Any] = {}

        def suggest(self, trial_id: str) -> Any:
            self.asked[trial_id] = study.ask()
            return suggest(project, self.asked[trial_id])

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            asked = self.asked.pop(trial_id)
            if error or not result or log.metric not in result:
                study.tell(asked, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(asked, result[log.metric])

    return Bayesian()


def _scheduler(project: Project, epochs: int, interval: int) -> Any:
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, PopulationBasedTraining

    wish = project.training.tuning
    if wish.search == "population":
        return PopulationBasedTraining(
            time_attr="epoch",
            perturbation_interval=interval,
            hyperparam_mutations={name: domain(wish.space[name]) for name in wish.mutate},
            quantile_fraction=0.25,
            require_attrs=False,  # the last result of a trial that failed has none
        )
    if not wish.early_stopping:
        return FIFOScheduler()
    return ASHAScheduler(time_attr="epoch", max_t=epochs, grace_period=min(wish.grace_epochs, epochs), reduction_factor=REDUCTION)


def _stopper(project: Project) -> Stopper | None:
    """Return what ends the whole search once the target is reached."""
    from ray.tune import Stopper

    target, name = project.training.tuning.budget.target, metric(project)
    if target is None:
        return None
    up = direction(name) == "max"

    class Target(Stopper):
        reached = False

        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            value = result.get(name)
            self.reached = self.reached or (value is not None and (value >= target if up else value <= target))
            return self.reached

        def stop_all(self) -> bool:
            return self.reached

    return Target()


def _gpus(asked: float) -> int:
    if not asked:
        return 0
    import torch

    if not torch.cuda.is_available():
        raise InputError("training.tuning.resources.gpu asks for GPUs, and this machine has none that torch can use")
    return torch.cuda.device_count()
