"""One trial of a search: what runs in a Ray worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from include.projects import Project
from include.training.learners import Epoch, learner
from include.training.parts import Arrays


def trial(config: Mapping[str, Any], project: Project, parts: Mapping[str, Arrays], seed: int, epochs: int) -> None:
    """Train one model with ``config`` and report each epoch to Ray Tune, which may end it there.

    Args:
        config: hyperparameters that the search chose.
        project: the project.
        parts: ``train`` and ``validation``, read from Ray's object store.
        seed: the same for all trials, so that they differ by their hyperparameters alone.
        epochs: at most this many.
    """
    from ray import tune

    def report(epoch: Epoch) -> None:
        tune.report(dict(epoch))

    # Arrays in the object store are read-only, which torch warns about; nothing here writes to them.
    writable = {name: replace(part, inputs=part.inputs.copy(), labels=part.labels.copy()) for name, part in parts.items()}
    learner(project, config).fit(project, config, writable, seed, epochs, report)


def space(project: Project) -> dict[str, Any]:
    """Return Ray's search space for ``training.tuning.space`` of project.yaml."""
    from ray import tune

    chosen: dict[str, Any] = {}
    for name, given in project.training.tuning.space.items():
        if given.choices is not None:
            chosen[name] = tune.choice(given.choices)
        else:
            assert given.low is not None and given.high is not None
            chosen[name] = (tune.loguniform if given.log else tune.uniform)(given.low, given.high)
    return chosen
