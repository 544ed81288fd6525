"""The search itself: Ray Tune with the algorithm, the early stopping and the budget that project.yaml names."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.clients.ray import cluster
from include.clients.ray_room import machines, no_room
from include.projects import Project
from include.projects.tuning import Resources
from include.settings import Settings
from include.training.errors import InputError
from include.training.origin import Start
from include.training.parts import Arrays
from include.training.scores import metric, mode
from include.training.searchers import algorithm
from include.training.space import Point, changes, domain, grid, kept, sample, samples, size
from include.training.trial import member, trial
from include.training.trial_callback import callback
from include.training.trial_log import TrialLog

if TYPE_CHECKING:
    from ray.tune import Stopper

REDUCTION = 3
INTERVALS = 4  # stretches of a population's training
LOST = 3  # how often a trial may lose its worker


def points(project: Project, total: int) -> list[Point] | None:
    """Return the points of a search whose points do not depend on results; None where they do.

    A space that has fewer points than ``total`` gives those, each once.

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
    if how == "population":  # members with the same point part when it changes
        return [sample(project, number) for number in range(1, total + 1)]
    return None if how == "bayesian" and size(project) != 1 else samples(project, total)


def run(
    settings: Settings,
    project: Project,
    arrays: Mapping[str, Arrays],
    open_points: Sequence[Point] | None,
    count: int,
    epochs: int,
    log: TrialLog,
    start: Start,
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
        start: what all trials begin with.
        on_gone: called before this process ends because Ray died under it.

    Returns:
        The last line of each error of the model's code, then of each trial whose worker was lost again and again.

    Raises:
        InputError: a trial asks for more than any machine has.
        Exception: what writing the trials to MLflow raised.
    """
    wish = project.training.tuning
    gpus = 0 if settings.job_runtime == "ray" else _gpus(settings, wish.resources.gpu)  # a cluster has those of its nodes
    rows = sum(part.inputs.nbytes + getattr(part.contents, "nbytes", 0) + part.labels.nbytes for part in arrays.values())
    rows += sum(map(len, (start.files or {}).values()))
    cpus = math.ceil(wish.workers * wish.resources.cpu)
    with cluster(settings, cpus, max(128 * 2**20, 2 * rows), gpus, on_gone) as folder:
        from ray import tune

        _check_room(wish.resources)
        interval = max(1, epochs // INTERVALS)
        share = {"project": project, "parts": dict(arrays), "seed": project.training.seed, "epochs": epochs, "start": start}
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
                search_alg=algorithm(project, open_points, log),
                time_budget_s=wish.budget.minutes * 60 if wish.budget.minutes else None,
                reuse_actors=not population,  # starting a worker costs more than a trial
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(folder),
                verbose=0,
                callbacks=[callback(log)],
                stop=_stopper(project),
                failure_config=tune.FailureConfig(max_failures=LOST),
            ),
        )
        lost = tuner.fit().errors
        log.wind_up()
        return [*log.errors, *(str(error).strip().splitlines()[-1] for error in lost)]


def _scheduler(project: Project, epochs: int, interval: int) -> Any:
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, PopulationBasedTraining

    wish = project.training.tuning
    if wish.search == "population":
        return PopulationBasedTraining(
            time_attr="epoch",
            perturbation_interval=interval,
            hyperparam_mutations={name: changes(wish.space[name]) for name in wish.mutate},
            custom_explore_fn=functools.partial(kept, project),
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
    up = mode(project) == "max"

    class Target(Stopper):
        reached = False

        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            value = result.get(name)
            self.reached = self.reached or (value is not None and (value >= target if up else value <= target))
            return self.reached

        def stop_all(self) -> bool:
            return self.reached

    return Target()


def _gpus(settings: Settings, asked: float) -> int:
    """Return how many GPUs of this machine the search may use."""
    if not asked:
        return 0
    import torch

    if not torch.cuda.is_available():
        raise InputError("training.tuning.resources.gpu asks for GPUs, and this machine has none that torch can use")
    found = torch.cuda.device_count()
    return found if settings.job_gpus is None else min(found, math.ceil(settings.job_gpus))


def _check_room(resources: Resources) -> None:
    """Refuse a search of which no trial could ever begin."""
    if why := no_room({"CPU": resources.cpu, "GPU": resources.gpu}, machines()):
        advice = "lower training.tuning.resources in project.yaml, or choose an environment that has more"
        raise InputError(f"a trial {why}; {advice}")
