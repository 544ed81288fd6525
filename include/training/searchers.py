"""Who chooses the points of a search: a list, Optuna, or Ray itself for a population."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from include.projects import Project
from include.training.scores import mode
from include.training.space import Point, distributions, key, samples, size, suggest
from include.training.trial_log import TrialLog

AGAIN = 30  # how often Optuna is asked again for a point that was not tried yet, before chance decides


def algorithm(project: Project, open_points: Sequence[Point] | None, log: TrialLog) -> Any:
    """Return the searcher of a project's search.

    Args:
        project: gives the search and its space.
        open_points: what is still to be tried; None lets Optuna choose.
        log: knows what an earlier try found out.
    """
    if project.training.tuning.search == "population":  # takes no other searcher than Ray's own
        from ray.tune.search.basic_variant import BasicVariantGenerator

        workers, seed = project.training.tuning.workers, project.training.seed
        return BasicVariantGenerator(points_to_evaluate=list(open_points or ()), max_concurrent=workers, random_state=seed)
    if open_points is not None:
        return _listed(open_points)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=project.training.seed, n_startup_trials=5, constant_liar=True)
    return _bayesian(project, log, sampler)


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


def _bayesian(project: Project, log: TrialLog, sampler: Any) -> Any:
    """Return Optuna as a searcher that begins with what an earlier try found out."""
    import optuna
    from ray.tune.search import Searcher

    countable = size(project) is not None
    way: Literal["maximize", "minimize"] = "maximize" if mode(project) == "max" else "minimize"
    study = optuna.create_study(direction=way, sampler=sampler)
    for known in log.trials.values():
        if best := log.top(known):
            values, found = distributions(project, known.params)
            study.add_trial(optuna.trial.create_trial(params=values, distributions=found, value=best[log.metric]))

    class Bayesian(Searcher):
        def __init__(self) -> None:
            super().__init__(metric=log.metric, mode=log.mode)
            self.asked: dict[str, Any] = {}
            self.tried = {key(known.params) for known in log.trials.values()}

        def suggest(self, trial_id: str) -> Any:
            asked = study.ask()
            point = suggest(project, asked)
            if key(point) in self.tried and countable:
                asked, point = self.other(asked)
            self.asked[trial_id] = asked
            self.tried.add(key(point))
            return point

        def other(self, asked: Any) -> tuple[Any, Point]:
            """Return a point that was not tried yet: a second trial of the same one would end alike."""
            for _ in range(AGAIN):
                study.tell(asked, state=optuna.trial.TrialState.FAIL)
                asked = study.ask()
                if key(point := suggest(project, asked)) not in self.tried:
                    return asked, point
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
            left = next(one for one in samples(project, len(self.tried) + 1) if key(one) not in self.tried)
            study.enqueue_trial(distributions(project, left)[0])
            asked = study.ask()
            return asked, suggest(project, asked)

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            asked = self.asked.pop(trial_id)
            if error or not result or log.metric not in result:
                study.tell(asked, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(asked, result[log.metric])

    return Bayesian()
