"""One trial of a search: what runs in a Ray worker.

Ray begins a trial anew whose worker was lost, with its machine or to a lack of memory. An error of the model's code would
come again: it is a trial's last result, and not an error to Ray.
"""

from __future__ import annotations

import json
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from include.errors import of_the_machine
from include.projects import Project
from include.training.errors import InputError
from include.training.learners import Epoch, Files, training_learner
from include.training.origin import Start
from include.training.parts import Arrays
from include.training.scores import metric

PLACE = "checkpoint.json"
ERROR = "error"  # of a result: the traceback of what the model's code raised
CHOSEN = "chosen"  # of a result of a population: the hyperparameters that it was reached with
LONGEST = 20_000  # characters of a traceback that are kept, the last ones


def trial(config: Mapping[str, Any], project: Project, parts: Mapping[str, Arrays], seed: int, epochs: int, start: Start) -> None:
    """Train one model with ``config`` and report each epoch to Ray Tune, which may end it there.

    Args:
        config: hyperparameters that the search chose.
        project: the project.
        parts: ``train`` and ``validation``, read from Ray's object store.
        seed: the same for all trials, so that they differ by their hyperparameters alone.
        epochs: at most this many.
        start: what all trials begin with.
    """
    from ray import tune

    def report(epoch: Epoch) -> None:
        tune.report(_measured(project, epoch))

    with _last_words():
        params = {**config, **start.fixed}
        training_learner(project, params).fit(project, params, _writable(parts), seed, epochs, report, start.files)


def member(
    config: Mapping[str, Any], project: Project, parts: Mapping[str, Arrays], seed: int, epochs: int, start: Start, interval: int
) -> None:
    """Train one member of a population: stretches of ``interval`` epochs, each going on from the best of the one before.

    Ray Tune may put another member's model and changed hyperparameters in place between two stretches.

    Args:
        config: hyperparameters of now.
        project: the project.
        parts: ``train`` and ``validation``.
        seed: the same for all.
        epochs: at most this many.
        start: what all members begin with.
        interval: epochs of a stretch.
    """
    from ray import tune

    rows, done, params = _writable(parts), 0, {**config, **start.fixed}
    files = start.files
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            done, files = _read(Path(folder))
    while done < epochs:
        length = min(interval, epochs - done)
        with _last_words() as said:
            whose = project if done == 0 else _going_on(project)
            fitted = training_learner(whose, params).fit(whose, params, rows, seed + done, length, None, files)
            told = {**_measured(project, fitted.best), "epoch": done + length, CHOSEN: dict(config)}
        if said:
            return
        files, done = fitted.files(), done + length
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), done, files)
            tune.report(told, checkpoint=tune.Checkpoint.from_directory(folder))


def _going_on(project: Project) -> Project:
    """Return the project for a stretch that goes on from one before: weights that began anew do so once."""
    wish = project.training.start_from
    if wish is None or not wish.anew:
        return project
    training = project.training.model_copy(update={"start_from": wish.model_copy(update={"anew": []})})
    return project.model_copy(update={"training": training})


def _measured(project: Project, epoch: Epoch) -> dict[str, Any]:
    """Return what is told of an epoch.

    Raises:
        InputError: a learner of the project's own does not measure what decides.
    """
    if (deciding := metric(project)) not in epoch:
        problem = f"the learner of {project.name} measures {', '.join(epoch)}, not {deciding}, which decides the search"
        raise InputError(f"{problem}: let it measure by include.training.scores.measure, or correct training.tuning.metric")
    return dict(epoch)


@contextmanager
def _last_words() -> Iterator[list[str]]:
    """Report what the block raises as the trial's last result; give a list that holds it then."""
    from ray import tune

    said: list[str] = []
    try:
        yield said
    except Exception as cause:
        if of_the_machine(cause):
            raise  # Ray begins the trial anew
        said.append(traceback.format_exc()[-LONGEST:])
        tune.report({ERROR: said[0]})


def _writable(parts: Mapping[str, Arrays]) -> dict[str, Arrays]:
    # Arrays in the object store are read-only, which torch warns about; nothing here writes to them.
    return {name: replace(part, inputs=part.inputs.copy(), labels=part.labels.copy()) for name, part in parts.items()}


def _read(folder: Path) -> tuple[int, Files]:
    place = json.loads((folder / PLACE).read_text(encoding="utf-8"))
    return place["done"], {name: (folder / name).read_bytes() for name in place["files"]}


def _write(folder: Path, done: int, files: Files) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / PLACE).write_text(json.dumps({"done": done, "files": sorted(files)}), encoding="utf-8")
