"""Explanations: which inputs matter to a model at all (SHAP), and why it gave single answers (SHAP and LIME).

They tell more about a model and decide nothing: what cannot be explained is a note of the evaluation, never an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from include.projects import Project
from include.training import curves, explain_texts
from include.training.explain_lime import lime_of
from include.training.explain_parts import SIGNS, Clock, Explained, answer, as_grid, as_picture
from include.training.explain_shap import shap_values
from include.training.learners import Fitted
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np

BACKGROUND, ROWS, SINGLE = 50, 30, 3  # rows that SHAP compares with, that it explains, and that are shown one by one
TEXTS = 12  # texts that SHAP explains: each word is tried in many places
CHEAP = 200  # inputs up to which tables are explained without being asked
NAMED = 200  # inputs that are kept by name
SHOWN = 12  # inputs that a plot of one answer names
MOST = 1_000_000  # inputs beyond which nothing is explained
SECONDS = 60.0
TASKS = ("classification", "regression", "clustering")


def explain(project: Project, fitted: Fitted, arrays: Mapping[str, Arrays], seconds: float = SECONDS) -> Explained:
    """Explain a model by its training part (as background) and some rows of its test part.

    Args:
        project: says by ``training.explain`` whether to; where it does not, texts and tables of few inputs are explained.
        fitted: the model.
        arrays: ``train`` and ``test``.
        seconds: after which nothing further is begun.

    Returns:
        The same for the same model and rows, where the time suffices. What fails is a note.
    """
    import numpy as np

    test, found = arrays["test"], Explained()
    asked = project.training.explain
    if asked is False or (asked is None and project.task not in TASKS):
        return found
    if why := _why_not(project, test):
        found.notes.append(why)
        return found
    clock, draw = Clock(seconds), np.random.default_rng(0)
    background = arrays["train"].inputs[_some(draw, len(arrays["train"].inputs), BACKGROUND)]
    text = project.data.content.kind == "text"
    rows = _some(draw, len(test.inputs), TEXTS if text else ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shap, about versions of what it reads
        if text:
            explain_texts.explain(project, fitted, test.contents, rows, SINGLE, found, clock)
        else:
            _inputs(project, fitted, background, test, rows, found, clock)
    if found.told and found.notes:
        found.told["notes"] = list(found.notes)
    return found


def _why_not(project: Project, test: Arrays) -> str:
    """Return why nothing is explained; empty where something is."""
    asked, kind, width = project.training.explain, project.data.content.kind, test.inputs[0].size
    if project.task not in TASKS:
        return f"no explanation: it is made of {', '.join(TASKS)}, not of {project.task}"
    if asked is None and kind != "text" and (kind != "table" or width > CHEAP):
        return "explanations were not asked for: set training.explain to true"
    return f"no explanation: {width:,} inputs are more than {MOST:,}" if width > MOST else ""


def _inputs(
    project: Project, fitted: Fitted, background: np.ndarray, test: Arrays, rows: np.ndarray, found: Explained, clock: Clock
) -> None:
    """Write which inputs count most in all, and in some rows."""
    shape = test.inputs.shape[1:]
    names, single = input_names(project, test, shape), rows[:SINGLE]
    outputs = None
    with found.without("explanation"):
        outputs = fitted.predict(test.inputs[single])
    if outputs is None:
        return
    with found.without("SHAP"):
        method, values = shap_values(project, fitted, background, test.inputs[rows], clock)
        if len(values) < len(rows):
            found.notes.append(clock.note("SHAP", len(values), len(rows)))
        _shap(method, values, names, shape, found)
        for place, row in enumerate(single[: len(values)]):
            chosen, said = answer(project, outputs, place)
            own = values[place, :, chosen % values.shape[2]]
            title = f"Row {row}: why {said} (SHAP)"
            found.plots[f"SHAP_row_{row}"] = _one(own, names, as_grid(own, shape), test.inputs[row], title, "SHAP value")
    with found.without("LIME"):
        explained = lime_of(project, test)
        for place, row in enumerate(single):
            if clock.over:
                found.notes.append(clock.note("LIME", place, len(single)))
                break
            chosen, said = answer(project, outputs, place)
            told = explained(project, fitted, background, names, test.inputs[row], chosen)
            title = f"Row {row}: why {said} (LIME)"
            found.plots[f"LIME_row_{row}"] = _one(told.values, told.names, told.grid, test.inputs[row], title, "LIME weight")


def _shap(method: str, values: np.ndarray, names: list[str], shape: tuple[int, ...], found: Explained) -> None:
    """Write what matters in all: SHAP values (n, inputs, outputs)."""
    import numpy as np

    mean = np.abs(values).mean((0, 2))
    order = np.argsort(-mean, kind="stable")[:NAMED]
    found.told = {
        "method": method,
        "rows": len(values),
        "importance": [{"name": names[place], "value": float(mean[place])} for place in order],
    }
    found.plots["SHAP_importance"] = curves.importance([names[place] for place in order], mean[order].tolist())
    if (grid := as_grid(mean, shape)) is not None:
        found.plots["SHAP_map"] = curves.heat(grid, "Which places matter")


def _one(
    values: np.ndarray | list[float], names: list[str], grid: np.ndarray | None, inputs: np.ndarray, title: str, unit: str
) -> bytes:
    """Draw why one answer was given: a map where inputs are a grid, else bars."""
    if grid is not None and (picture := as_picture(inputs)) is not None:
        return curves.signed(grid, picture, title, f"{unit}: {SIGNS}")
    return curves.importance(names, list(values), title, SHOWN, f"{unit}: {SIGNS}")


def input_names(project: Project, part: Arrays, shape: tuple[int, ...]) -> list[str]:
    """Return a name of each input: of the transforms, else its place."""
    import numpy as np

    names = part.preparation.names if part.preparation else None
    if names is not None and len(names) == int(np.prod(shape)):
        return names
    if len(shape) == 1:
        return [f"input {place}" for place in range(shape[0])]
    kept = [axis for axis, size in enumerate(shape) if size > 1] or [len(shape) - 1]
    return [str([place[axis] for axis in kept]) for place in np.ndindex(*shape)]


def _some(draw: np.random.Generator, rows: int, most: int) -> np.ndarray:
    import numpy as np

    return np.sort(draw.choice(rows, min(rows, most), replace=False))
