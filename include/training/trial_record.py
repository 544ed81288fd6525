"""What is known of one trial of a search, and how it stands in its MLflow run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.projects.metrics import Direction
from include.training.learners import Epoch

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DONE = ("finished", "stopped early")
MEASURED = ("train_", "validation_")
NUMBER, POINT, STATE, CHANGES = "devmlops.number", "devmlops.point", "devmlops.state", "devmlops.changes"


@dataclass
class Trial:
    """What is known of one trial.

    Attributes:
        number: counted from 1.
        run_id: its MLflow run.
        params: what the search chose.
        state: ``running``, ``finished``, ``stopped early``, ``failed`` or ``killed``.
        history: metrics of each epoch.
        changes: where a population put another model or other hyperparameters in place: how many epochs lay behind, and
            what the hyperparameters were from there.
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

    @property
    def now(self) -> dict[str, Any]:
        """Return the hyperparameters that it has in the end."""
        return self.changes[-1][1] if self.changes else self.params

    def best(self, metric: str, mode: Direction) -> Epoch | None:
        """Return the epoch with the best ``metric``; on a tie, the one with the lower loss."""
        sign = 1.0 if mode == "max" else -1.0
        return max(self.history, key=lambda e: (sign * e[metric], -e["validation_loss"]), default=None)

    def params_of(self, epoch: Epoch) -> dict[str, Any]:
        """Return the hyperparameters that an epoch was trained with."""
        place = next(number for number, one in enumerate(self.history) if one is epoch)
        return next((params for begin, params in reversed(self.changes) if begin <= place), self.params)

    def changed(self, epoch: float, params: Mapping[str, Any] | None) -> bool:
        """Tell whether the next result comes from another model or other hyperparameters than the last one."""
        went_back = bool(self.history) and epoch <= self.history[-1]["epoch"]
        return params is not None and (went_back or dict(params) != self.now)

    def said(self) -> str:
        """Return the changes as a tag: of each how many epochs lay behind, and what differs from the point."""
        rows = [(begin, {k: v for k, v in params.items() if self.params.get(k) != v}) for begin, params in self.changes]
        return json.dumps(rows, sort_keys=True, ensure_ascii=False)


def recalled(client: MlflowClient, run: Run) -> Trial | None:
    """Return the trial that a run holds, as it was when it ended; None where it did not end by itself."""
    tags = run.data.tags
    state, point = tags.get(STATE, ""), tags.get(POINT)
    if state not in DONE or not point:
        return None
    params, changes = json.loads(point), json.loads(tags.get(CHANGES, "[]"))
    trial = Trial(int(tags[NUMBER]), run.info.run_id, params, state, _history(client, run, bool(changes)))
    trial.changes = [(begin, {**params, **other}) for begin, other in changes]
    trial.logged = len(trial.history)
    return trial


def _history(client: MlflowClient, run: Run, jumps: bool) -> list[Epoch]:
    """Return the metrics of each epoch, in the order in which they came.

    Args:
        client: of MLflow.
        run: of the trial.
        jumps: it took over models, and with them their epochs, so that one may have come twice. What came before such a
            change was sent apart, so that its time tells. Without that, a second one is of a trial that began anew.
    """
    rows: dict[tuple[int, int], Epoch] = {}
    for name in run.data.metrics:
        if name.startswith(MEASURED):
            for value in client.get_metric_history(run.info.run_id, name):
                place = (value.timestamp if jumps else 0, value.step)
                rows.setdefault(place, {"epoch": float(value.step)})[name] = value.value
    return [rows[place] for place in sorted(rows)]
