"""Keeps every trial of a search as an MLflow run, and tells how it goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import find_runs, log_history, log_params
from include.projects.metrics import Direction
from include.reports.numbers import named
from include.training.learners import Epoch
from include.training.trial import ERROR
from include.training.trial_record import CHANGES, DONE, MEASURED, NUMBER, POINT, STATE, Trial, recalled

if TYPE_CHECKING:
    from mlflow import MlflowClient

FLUSH_S = 2.0
TELL_S = 5.0  # between two lines of one trial: a log is read by people


class TrialLog:
    """Writes trials to MLflow from the process that steers the search: workers need no access to it.

    Args:
        client: of MLflow.
        experiment_id: where the runs go.
        parent_run_id: the run of the whole search.
        total: how many trials there will be.
        epochs: how many epochs a trial may have; one that ends earlier was stopped.
        metric: that decides.
        mode: which way it gets better.
        tell: takes one line of progress.
        tags: that each trial has from its parent: project, data, code, machine.
        params: that each trial has beside what the search chose, such as the seed.
    """

    def __init__(
        self,
        client: MlflowClient,
        experiment_id: str,
        parent_run_id: str,
        total: int,
        epochs: int,
        metric: str,
        mode: Direction,
        tell: Callable[[str], None],
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self.client, self.experiment_id, self.parent_run_id = client, experiment_id, parent_run_id
        self.total, self.epochs, self.metric, self.mode, self.tell = total, epochs, metric, mode, tell
        self.tags, self.params = dict(tags or {}), dict(params or {})
        self.broken: Exception | None = None  # what ended the search, where writing to MLflow did
        self.trials: dict[str, Trial] = {}
        self.errors: list[str] = []  # the last line of what the code of each failed trial raised
        self.begun, self.known = time.monotonic(), 0  # when this try began, and how many trials were done before it

    def recall(self) -> None:
        """Take the trials that an earlier try of the same search finished; what it left open is closed.

        One that was killed between the last two writes of a finished trial has its state, and a run that is not ended.
        """
        for run in find_runs(self.client, self.experiment_id, {"mlflow.parentRunId": self.parent_run_id}):
            if trial := recalled(self.client, run):
                self.trials[trial.run_id] = trial
                if run.info.status != "FINISHED":
                    self._end(trial, "FINISHED")
            elif run.info.status == "RUNNING":
                self.client.set_terminated(run.info.run_id, "KILLED")
        self.known = len(self.trials)

    def start(self, key: str, params: Mapping[str, Any]) -> None:
        """Open the run of the trial ``key``; a trial that Ray starts again keeps its run."""
        if key in self.trials:
            return
        number = max((trial.number for trial in self.trials.values()), default=0) + 1
        point = json.dumps(dict(params), sort_keys=True, ensure_ascii=False)
        tags = {**self.tags, "mlflow.parentRunId": self.parent_run_id, "devmlops.kind": "trial"}
        tags |= {NUMBER: str(number), POINT: point}
        run = self.client.create_run(self.experiment_id, tags=tags, run_name=f"trial {number}")
        self.trials[key] = Trial(number, run.info.run_id, dict(params))
        log_params(self.client, run.info.run_id, {**self.params, **params})

    def result(self, key: str, result: Mapping[str, Any], params: Mapping[str, Any] | None = None) -> None:
        """Take the metrics of one epoch; they go to MLflow in batches.

        Args:
            key: of the trial.
            result: its metrics.
            params: hyperparameters that it was reached with, where they may change.
        """
        trial = self.trials[key]
        if ERROR in result:
            return self._raised(trial, str(result[ERROR]))
        if params is not None and trial.changed(result["epoch"], params):
            self._change(trial, params)
        trial.history.append(
            {name: float(value) for name, value in result.items() if name == "epoch" or name.startswith(MEASURED)}
        )
        if len(trial.history) == 1 or time.monotonic() - trial.told_at > TELL_S:
            trial.told_at = time.monotonic()
            self.tell(f"trial {trial.number}/{self.total} epoch {int(result['epoch'])} {self.metric} {result[self.metric]:.4f}")
        if time.monotonic() - trial.flushed_at > FLUSH_S:
            self._flush(trial)

    def _change(self, trial: Trial, params: Mapping[str, Any]) -> None:
        """Write down that a population put another model or other hyperparameters in place."""
        if trial.logged < len(trial.history):
            self._flush(trial)  # its time tells what came before the change
        before = trial.now
        trial.changes.append((len(trial.history), dict(params)))
        self.client.set_tag(trial.run_id, CHANGES, trial.said())
        other = {name: value for name, value in params.items() if before.get(name) != value}
        said = f" and goes on with {named(other)}" if other else ""
        self.tell(f"trial {trial.number}/{self.total} took over a better model{said}")

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

    def top(self, trial: Trial) -> Epoch | None:
        """Return the best epoch of a trial."""
        return trial.best(self.metric, self.mode)

    def best(self) -> Trial | None:
        """Return the trial with the best epoch of all; the earlier one on a tie."""
        sign = 1.0 if self.mode == "max" else -1.0

        def score(trial: Trial) -> tuple[float, float, int]:
            epoch = self.top(trial)
            assert epoch is not None
            return sign * epoch[self.metric], -epoch["validation_loss"], -trial.number

        usable = [t for t in self.trials.values() if t.history and t.state in DONE]
        return max(usable, key=score, default=None)

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
        if trial.changes:
            ends = {f"ended_{name}": value for name, value in trial.now.items() if trial.params.get(name) != value}
            log_params(self.client, trial.run_id, ends)
        self.client.set_tag(trial.run_id, STATE, state)
        epoch = self._end(trial, status)
        reached = f": {why}" if why else f": {self.metric} {epoch[self.metric]:.4f}" if epoch else ""
        self.tell(f"trial {trial.number}/{self.total} {state} after {len(trial.history)} epochs{reached}")
        self.tell(self.progress())

    def _end(self, trial: Trial, status: str) -> Epoch | None:
        """End the run of a trial; return its best epoch."""
        epoch = self.top(trial)
        if epoch:
            log_history(self.client, trial.run_id, [(int(epoch["epoch"]), {f"best_{self.metric}": epoch[self.metric]})])
        self.client.set_terminated(trial.run_id, status)
        return epoch

    def progress(self) -> str:
        """Return how far the search is, in a line: trials that are done and running, the best one, the time that is left."""
        over = [trial for trial in self.trials.values() if trial.state != "running"]
        running, best = len(self.trials) - len(over), self.best()
        said = f"{len(over)} of {self.total} trials done, {running} running"
        if best and (epoch := self.top(best)):
            said += f"; best so far: trial {best.number} with {self.metric} {epoch[self.metric]:.4f}"
        now, left = len(over) - self.known, self.total - len(over)
        if now > 0 and left > 0:
            seconds = (time.monotonic() - self.begun) / now * left
            said += f"; about {f'{seconds:.0f} s' if seconds < 120 else f'{seconds / 60:.0f} min'} left"
        return said
