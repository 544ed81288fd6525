"""The data of a training: the three parts of a split, ready for the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.content import ArrayContent
from include.projects.tasks import UNLABELLED
from include.settings import Settings
from include.training.errors import InputError
from include.training.preparation import Preparation, fit

if TYPE_CHECKING:
    import numpy as np

NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class Arrays:
    """One part as arrays.

    Attributes:
        contents: items as they were collected, as `include.data.load_part` gives them (n).
        inputs: the same after the project's preprocessing, float32 (n, ...).
        labels: class indices, int64 (n,), -1 where a task that learns without labels has none, or numbers, float64 (n,).
        kinds: for each row ``dev``, or the round of operation that it comes from.
        preparation: what made the inputs.
    """

    contents: Any
    inputs: np.ndarray
    labels: np.ndarray
    kinds: list[str]
    preparation: Preparation | None = None


def prepare(
    project: Project,
    contents: Any,
    labels: np.ndarray,
    name: str = "part",
    rounds: Sequence[str] = (),
    preparation: Preparation | None = None,
) -> Arrays:
    """Check one part and run the project's preprocessing over it.

    Args:
        project: gives the preprocessing and the classes.
        contents: items (n).
        labels: class indices or numbers (n,).
        name: of the part, for the error.
        rounds: the round that each item comes from (n); none is all of one kind.
        preparation: fitted on the training part; None takes the project's preprocess component.

    Raises:
        InputError: no rows, labels that are no class, values that are not finite, or shapes that do not fit.
    """
    import numpy as np

    labels = np.asarray(labels)
    if len(contents) == 0:
        raise InputError(f"the {name} part of {project.name} has no rows; collect more data or change the split")
    form = project.data.content
    shape = (len(contents), *form.shape) if isinstance(form, ArrayContent) else (len(contents),)
    found = np.shape(contents) if isinstance(form, ArrayContent) else (len(contents),)
    if found != shape or labels.shape != (len(contents),):
        raise InputError(f"the {name} part has items {found} and labels {labels.shape}; wanted {shape} and ({len(contents)},)")
    if project.task == "regression":
        if labels.dtype.kind not in "iuf" or not np.isfinite(labels).all():
            raise InputError(f"the {name} part of {project.name} has labels that are no finite numbers")
    elif (
        labels.dtype.kind not in "iu"
        or labels.min() < (-1 if project.task in UNLABELLED else 0)
        or labels.max() >= len(project.classes)
    ):
        raise InputError(f"the {name} part has labels outside 0..{len(project.classes) - 1}, the classes of {project.name}")
    ready = preparation or Preparation(project, None)
    try:
        inputs = ready(contents)
    except InputError as cause:
        raise InputError(f"the {name} part: {cause}") from cause
    operation = f"{project.repositories['ops']}/"
    kinds = [name if name.startswith(operation) else "dev" for name in rounds] or ["dev"] * len(contents)
    wanted = np.float64 if project.task == "regression" else np.int64
    return Arrays(contents, inputs, labels.astype(wanted), kinds, ready)


def load(settings: Settings, project: Project, split: Mapping[str, Any], names: tuple[str, ...] = NAMES) -> dict[str, Arrays]:
    """Read parts of a split from the data repository and prepare them.

    Args:
        settings: give the data repository.
        project: the project.
        split: reference to the split (`include.data.make_split`).
        names: which parts.
    """
    from include.data import load_part

    wanted = names if "train" in names or not project.transforms else ("train", *names)
    loaded = {name: load_part(settings, project, dict(split), name) for name in wanted}
    ready = fit(project, loaded["train"].contents) if project.transforms else None
    asked = ((name, loaded[name]) for name in names)
    return {name: prepare(project, part.contents, part.labels, name, part.rounds, ready) for name, part in asked}
