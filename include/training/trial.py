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

from include.projects import Project
from include.training.learners import Epoch, Files, training_learner
from include.training.parts import Arrays

PLACE = "checkpoint.json"
ERROR = "error"  # of a result: the traceback of what the model's code raised
LONGEST = 20_000  # characters of a traceback that are kept, the last ones


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

    with _last_words():
        training_learner(project, config).fit(project, config, _writable(parts), seed, epochs, report)


def member(
    config: Mapping[str, Any], project: Project, parts: Mapping[str, Arrays], seed: int, epochs: int, interval: int
) -> None:
    """Train one member of a population: stretches of ``interval`` epochs, each going on from the best of the one before.

    Ray Tune may put another member's model and changed hyperparameters in place between two stretches.

    Args:
        config: hyperparameters of now.
        project: the project.
        parts: ``train`` and ``validation``.
        seed: the same for all.
        epochs: at most this many.
        interval: epochs of a stretch.
    """
    from ray import tune

    rows, done = _writable(parts), 0
    files: Files | None = None
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            done, files = _read(Path(folder))
    while done < epochs:
        length = min(interval, epochs - done)
        with _last_words() as said:
            fitted = training_learner(project, config).fit(project, config, rows, seed + done, length, None, files)
        if said:
            return
        files, done = fitted.files(), done + length
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), done, files)
            tune.report({**fitted.best, "epoch": done}, checkpoint=tune.Checkpoint.from_directory(folder))


@contextmanager
def _last_words() -> Iterator[list[str]]:
    """Report what the block raises as the trial's last result; give a list that holds it then."""
    from ray import tune

    said: list[str] = []
    try:
        yield said
    except Exception:
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
