"""Keeps every trial of a search as an MLflow run, and tells how it goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import find_runs, log_history, log_params
from include.training.learners import Epoch
from include.training.scores import direction
from include.training.trial import ERROR

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from ray.tune import Callback

FLUSH_S = 2.0
TELL_S = 5.0  # between two lines of one trial: a log is read by people
DONE = ("finished", "stopped early")
MEASURED = ("train_", "validation_")


@dataclass
class Trial:
    """What is known of one trial.

    Attributes:
        number: counted from 1.
        run_id: its MLflow run.
        params: what the search chose.
        state: ``running``, ``finished``, ``stopped early``, ``failed`` or ``killed``.
        history: metrics of each epoch.
        changes: where a population changed hyperparameters: how many epochs lay behind, and what they were from there.
    """

    number: int
    run_id: str
    params: dict[str, Any]
    state: str = "running"
    history: list[Epoch] = field(default_factory=list)
    changes: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    logged: int = 0
    flushed_at: float = field(default_factory=time.monotonic)
    told_at: float = 0.0

    def best(self, metric: str) -> Epoch | None:
        """Return the epoch with the best ``metric``; on a tie, the one with the lower loss."""
        sign = 1.0 if direction(metric) == "max" else -1.0
        return max(self.history, key=lambda e: (sign * e[metric], -e["validation_loss"]), default=None)

    def params_of(self, epoch: Epoch) -> dict[str, Any]:
        """Return the hyperparameters that an epoch was trained with."""
        place = self.history.index(epoch)
        return next((params for begin, params in reversed(self.changes) if begin <= place), self.params)


class TrialLog:
    """Writes trials to MLflow from the process that steers the search: workers need no access to it.

    Args:
        client: of MLflow.
        experiment_id: where the runs go.
        parent_run_id: the run of the whole search.
        total: how many trials there will be.
        epochs: how many epochs a trial may have; one that ends earlier was stopped.
        metric: shown in the progress lines.
        tell: takes one line of progress.
    """

    def __init__(
        self,
        client: MlflowClient,
        experiment_id: str,
        parent_run_id: str,
        total: int,
        epochs: int,
        metric: str,
        tell: Callable[[str], None],
    ) -> None:
        self.client, self.experiment_id, self.parent_run_id = client, experiment_id, parent_run_id
        self.total, self.epochs, self.metric, self.tell = total, epochs, metric, tell
        self.trials: dict[str, Trial] = {}
        self.errors: list[str] = []  # the last line of what the code of each failed trial raised
        self.begun, self.known = time.monotonic(), 0  # when this try began, and how many trials were done before it

    def recall(self) -> None:
        """Take the trials that an earlier try of the same search finished; what it left open is closed.

        One that was killed between the last two writes of a finished trial has its state, and a run that is not ended.
        """
        for run in find_runs(self.client, self.experiment_id, {"mlflow.parentRunId": self.parent_run_id}):
            state, point = run.data.tags.get("devmlops.state", ""), run.data.tags.get("devmlops.point")
            if state in DONE and point:
                history, run_id = self._history(run), run.info.run_id
                number = int(run.data.tags["devmlops.number"])
                trial = self.trials[run_id] = Trial(number, run_id, json.loads(point), state, history, [], len(history))
                if run.info.status != "FINISHED":
                    self._end(trial, "FINISHED")
            elif run.info.status == "RUNNING":
                self.client.set_terminated(run.info.run_id, "KILLED")
        self.known = len(self.trials)

    def _history(self, run: Run) -> list[Epoch]:
        names = [name for name in run.data.metrics if name.startswith(MEASURED)]
        rows: dict[int, Epoch] = {}
        for name in names:
            for value in self.client.get_metric_history(run.info.run_id, name):
                rows.setdefault(value.step, {"epoch": float(value.step)})[name] = value.value
        return [rows[step] for step in sorted(rows)]

    def start(self, key: str, params: Mapping[str, Any]) -> None:
        """Open the run of the trial ``key``; a trial that Ray starts again keeps its run."""
        if key in self.trials:
            return
        number = max((trial.number for trial in self.trials.values()), default=0) + 1
        point = json.dumps(dict(params), sort_keys=True, ensure_ascii=False)
        tags = {"mlflow.parentRunId": self.parent_run_id, "devmlops.kind": "trial"}
        tags |= {"devmlops.number": str(number), "devmlops.point": point}
        run = self.client.create_run(self.experiment_id, tags=tags, run_name=f"trial {number}")
        self.trials[key] = Trial(number, run.info.run_id, dict(params))
        log_params(self.client, run.info.run_id, params)

    def result(self, key: str, result: Mapping[str, Any], params: Mapping[str, Any] | None = None) -> None:
        """Take the metrics of one epoch; they go to MLflow in batches.

        Args:
            key: of the trial.
            result: its metrics.
            params: its hyperparameters of now; a population changes them.
        """
        trial = self.trials[key]
        if ERROR in result:
            return self._raised(trial, str(result[ERROR]))
        if params is not None and dict(params) != (trial.changes[-1][1] if trial.changes else trial.params):
            trial.changes.append((len(trial.history), dict(params)))
        trial.history.append(
            {name: float(value) for name, value in result.items() if name == "epoch" or name.startswith(MEASURED)}
        )
        if len(trial.history) == 1 or time.monotonic() - trial.told_at > TELL_S:
            trial.told_at = time.monotonic()
            self.tell(f"trial {trial.number}/{self.total} epoch {int(result['epoch'])} {self.metric} {result[self.metric]:.4f}")
        if time.monotonic() - trial.flushed_at > FLUSH_S:
            self._flush(trial)

    def _raised(self, trial: Trial, error: str) -> None:
        """Close the run of a trial whose code raised, and keep the traceback with it."""
        self.errors.append(error.strip().splitlines()[-1])
        self.client.log_text(trial.run_id, error, "error.txt")
        self._close(trial, "failed", "FAILED", self.errors[-1])

    def lost(self, key: str, keeps: bool) -> None:
        """Take it that Ray begins a trial anew whose worker was lost.

        Args:
            key: of the trial.
            keeps: it goes on from its last result; another one begins at the first epoch.
        """
        trial = self.trials[key]
        if not keeps:
            trial.history.clear()
            trial.changes.clear()
            trial.logged = 0
        self.tell(f"trial {trial.number}/{self.total} lost its worker: it {'goes on' if keeps else 'begins anew'}")

    def finish(self, key: str) -> None:
        """Close the run of a trial that Ray ended without an error."""
        trial = self.trials[key]
        early = bool(trial.history) and trial.history[-1]["epoch"] < self.epochs
        self._close(trial, "stopped early" if early else "finished", "FINISHED")

    def fail(self, key: str) -> None:
        """Close the run of a trial that lost its worker once too often."""
        if key in self.trials:
            self._close(self.trials[key], "failed", "FAILED", "its worker was lost again and again")

    def wind_up(self) -> None:
        """Close the trials that the budget ended in the middle; what they reached counts."""
        for trial in self.trials.values():
            if trial.history:
                self._close(trial, "stopped early", "FINISHED")

    def abandon(self) -> None:
        """Close what is still open when the search ends in the middle."""
        for trial in self.trials.values():
            if trial.state == "running":
                self._close(trial, "killed", "KILLED")

    def best(self) -> Trial | None:
        """Return the trial with the best epoch of all; the earlier one on a tie."""
        sign = 1.0 if direction(self.metric) == "max" else -1.0

        def score(trial: Trial) -> tuple[float, float, int]:
            epoch = trial.best(self.metric)
            assert epoch is not None
            return sign * epoch[self.metric], -epoch["validation_loss"], -trial.number

        usable = [t for t in self.trials.values() if t.history and t.state in DONE]
        return max(usable, key=score, default=None)

    def callback(self) -> Callback:
        """Return this log as what Ray Tune calls."""
        from ray.tune import Callback

        log = self

        class _Callback(Callback):
            def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
                log.start(trial.trial_id, trial.config)

            def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any) -> None:
                log.result(trial.trial_id, result, trial.config)

            def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
                log.finish(trial.trial_id)

            def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
                log.lost(trial.trial_id, trial.checkpoint is not None)

            def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
                log.fail(trial.trial_id)

        return _Callback()

    def _flush(self, trial: Trial) -> None:
        rows = trial.history[trial.logged :]
        steps = [(int(e["epoch"]), {k: v for k, v in e.items() if k.startswith(MEASURED)}) for e in rows]
        log_history(self.client, trial.run_id, steps)
        trial.logged, trial.flushed_at = len(trial.history), time.monotonic()

    def _close(self, trial: Trial, state: str, status: str, why: str = "") -> None:
        if trial.state != "running":
            return
        self._flush(trial)
        trial.state = state
        self.client.set_tag(trial.run_id, "devmlops.state", state)
        epoch = self._end(trial, status)
        reached = f": {why}" if why else f": {self.metric} {epoch[self.metric]:.4f}" if epoch else ""
        self.tell(f"trial {trial.number}/{self.total} {state} after {len(trial.history)} epochs{reached}")
        self.tell(self.progress())

    def _end(self, trial: Trial, status: str) -> Epoch | None:
        """End the run of a trial; return its best epoch."""
        epoch = trial.best(self.metric)
        if epoch:
            log_history(self.client, trial.run_id, [(int(epoch["epoch"]), {f"best_{self.metric}": epoch[self.metric]})])
        self.client.set_terminated(trial.run_id, status)
        return epoch

    def progress(self) -> str:
        """Return how far the search is, in a line: trials that are done and running, the best one, the time that is left."""
        over = [trial for trial in self.trials.values() if trial.state != "running"]
        running, best = len(self.trials) - len(over), self.best()
        said = f"{len(over)} of {self.total} trials done, {running} running"
        if best and (epoch := best.best(self.metric)):
            said += f"; best so far: trial {best.number} with {self.metric} {epoch[self.metric]:.4f}"
        now, left = len(over) - self.known, self.total - len(over)
        if now > 0 and left > 0:
            seconds = (time.monotonic() - self.begun) / now * left
            said += f"; about {f'{seconds:.0f} s' if seconds < 120 else f'{seconds / 60:.0f} min'} left"
        return said
