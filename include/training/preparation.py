"""Preparation: how items become what a model takes, one definition for training, evaluation and serving.

Either the project's own preprocess component, or the named transforms of project.yaml, fitted on the training part
alone. What was fitted is kept with the model and packed into the release, so that serving cannot differ.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.content import TableContent
from include.projects.values import inputs, seconds
from include.training.errors import InputError
from include.training.transforms import TRANSFORMS, transform

if TYPE_CHECKING:
    import numpy as np

FILE = "transforms.json"


@dataclass(frozen=True)
class Preparation:
    """Turns items into inputs.

    Attributes:
        project: whose items.
        steps: the fitted transforms; None where the project's preprocess component does it.
    """

    project: Project
    steps: list[dict[str, Any]] | None

    def __call__(self, contents: Any) -> np.ndarray:
        """Return the inputs float32 (n, ...) of items, as `include.data.load_part` gives them.

        Raises:
            InputError: rows were lost, or values are not finite.
        """
        values = columns(contents, self.project)
        made = self.project.component("preprocess")(values) if self.steps is None else transform(values, self.steps)
        try:
            return inputs(made, len(contents))
        except ValueError as cause:
            what = f"preparing items of {self.project.name} lost rows or made values that are not finite"
            raise InputError(f"{what}: {cause}") from cause

    @property
    def names(self) -> list[str] | None:
        """Return the names of the features in order; None where the project's own component makes them."""
        if self.steps is None:
            return None
        pairs = ((step, column, state) for step in self.steps for column, state in zip(_asked(step), step["states"], strict=True))
        return [name for step, column, state in pairs for name in TRANSFORMS[step["use"]].names(column or "item", state)]

    def files(self) -> dict[str, bytes]:
        """Return what is to be kept with a model, by file name."""
        if self.steps is None:
            return {}
        return {FILE: json.dumps(self.steps, ensure_ascii=False, sort_keys=True, indent=1).encode()}


def fit(project: Project, contents: Any) -> Preparation:
    """Fit the project's transforms on items of the training part.

    Raises:
        InputError: a transform does not fit the values.
    """
    if not project.transforms:
        return Preparation(project, None)
    values, steps = columns(contents, project), []
    for number, step in enumerate(project.transforms):
        try:
            given = [values[name] for name in step.columns] or [values]
            states = [TRANSFORMS[step.use].fit(one, **step.asked()) for one in given]
        except (TypeError, ValueError) as cause:
            raise InputError(f"transforms.{number} of {project.name} ({step.use}): {cause}") from cause
        steps.append({"use": step.use, "columns": list(step.columns), "params": step.params, "states": states})
    return Preparation(project, steps)


def load(project: Project, files: dict[str, bytes]) -> Preparation:
    """Return the preparation that was kept with a model."""
    return Preparation(project, json.loads(files[FILE]) if FILE in files else None)


def columns(contents: Any, project: Project) -> Any:
    """Return items as preprocessing takes them: rows of a table as arrays by column, everything else as it is.

    Returns:
        For a table a dict: numbers, integers and booleans as float64 with NaN where one is missing, texts and
        categories as objects with None, times as float64 seconds since 1970.
    """
    form = project.data.content
    if not isinstance(form, TableContent):
        return contents
    import numpy as np
    import pandas as pd

    found: dict[str, np.ndarray] = {}
    for name, column in form.columns.items():
        series = contents[name]
        if column.type in ("number", "integer", "boolean"):
            found[name] = series.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        elif column.type == "time":
            moments = pd.to_datetime(series, utc=True).dt.tz_localize(None)
            found[name] = seconds(moments.to_numpy(dtype="datetime64[us]").astype(np.int64))
        else:
            found[name] = np.array([None if pd.isna(value) else value for value in series], dtype=object)
    return found


def _asked(step: dict[str, Any]) -> list[str]:
    return step["columns"] or [""]
