"""A trial log as what Ray Tune calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from include.training.trial import CHOSEN

if TYPE_CHECKING:
    from ray.tune import Callback

    from include.training.trial_log import TrialLog


def callback(log: TrialLog) -> Callback:
    """Return a log as what Ray Tune calls; what it raises first is kept in ``log.broken``, and ends the search as it is.

    Where a trial reports, Ray 2.60 makes of an error a TuneError that holds its text alone; where a trial ends, it takes
    the error for a lost worker and begins the trial anew. At the end of a step it lets it pass.
    """
    from ray.tune import Callback

    def guarded(write: Callable[..., None], *given: Any) -> None:
        if log.broken is None:
            try:
                write(*given)
            except Exception as cause:
                log.broken = cause

    class _Callback(Callback):
        def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            guarded(log.start, trial.trial_id, trial.config)

        def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any) -> None:
            # trial.config may have been changed for what comes next: a population's scheduler is asked before this.
            guarded(log.result, trial.trial_id, result, result.get(CHOSEN))

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            guarded(log.finish, trial.trial_id)

        def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            guarded(log.lost, trial.trial_id, trial.checkpoint is not None)

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            guarded(log.fail, trial.trial_id)

        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
            if log.broken is not None:
                raise log.broken

    return _Callback()
