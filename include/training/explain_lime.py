"""LIME of one answer about a table's row, a small array or a picture: what a simple model near it goes by."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training.errors import InputError
from include.training.explain_parts import as_grid, colours
from include.training.learners import Fitted
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np

SHOWN = 12  # inputs that are named
SAMPLES, PICTURES = 500, 200  # changed copies of an item, and of a picture, that the model is asked about
SMALL = 200  # inputs of an array that are looked at one by one
SIDE = 16  # points of the shorter side from which an array of images is cut into patches
PATCHES = 40


@dataclass
class Weights:
    """What LIME says of one answer.

    Attributes:
        names: of the inputs that matter.
        values: of each.
        grid: the weight of each point, (height, width); None where items are no grid.
    """

    names: list[str]
    values: list[float]
    grid: np.ndarray | None = None


def lime_of(project: Project, test: Arrays) -> Callable[..., Weights]:
    """Return what explains an answer about one of these items, or refuse.

    Returns:
        A function of the project, the model, the background (m, ...), names of inputs, one item's inputs and the output
        that was chosen.

    Raises:
        InputError: LIME is made for nothing like them.
    """
    shape = test.inputs.shape[1:]
    if project.data.content.kind == "table" or test.inputs[0].size <= SMALL:
        return of_numbers
    axis = colours(shape)
    sides = [size for place, size in enumerate(shape) if place != axis and size > 1]
    if project.domain == "vision" and len(sides) == 2 and min(sides) >= SIDE:
        return of_picture
    said = " x ".join(map(str, shape))
    raise InputError(f"inputs of the shape {said} are no picture, no row of a table, and more than {SMALL} numbers")


def of_numbers(
    project: Project, fitted: Fitted, background: np.ndarray, names: list[str], inputs: np.ndarray, chosen: int
) -> Weights:
    """Return the weights of a row of a table or of a small array."""
    import numpy as np
    from lime.lime_tabular import LimeTabularExplainer

    table, shape, sorted_out = project.data.content.kind == "table", inputs.shape, project.task == "classification"

    def answers(values: np.ndarray) -> np.ndarray:
        found = fitted.predict(np.asarray(values, dtype=np.float32).reshape(len(values), *shape))
        return found if sorted_out or found.ndim == 1 else found[:, chosen]

    explainer = LimeTabularExplainer(
        background.reshape(len(background), -1),
        mode="classification" if sorted_out else "regression",
        feature_names=names,
        feature_selection="auto" if table else "none",
        discretize_continuous=False,
        random_state=0,
    )
    given: dict[str, Any] = {"labels": [chosen]} if sorted_out else {}
    wanted = SHOWN if table else len(names)
    found = explainer.explain_instance(inputs.reshape(-1), answers, num_features=wanted, num_samples=SAMPLES, **given)
    pairs = found.local_exp[chosen if sorted_out else 1]
    weights = np.zeros(len(names))
    for place, weight in pairs:
        weights[place] = weight
    grid = None if table else as_grid(weights, shape)
    return Weights([names[place] for place, _ in pairs], [float(weight) for _, weight in pairs], grid)


def of_picture(
    project: Project, fitted: Fitted, background: np.ndarray, names: list[str], inputs: np.ndarray, chosen: int
) -> Weights:
    """Return the weights of the patches of a picture: what changes where one shows the mean of other pictures."""
    import numpy as np
    from lime.lime_image import LimeImageExplainer
    from lime.wrappers.scikit_image import SegmentationAlgorithm

    axis, shape = colours(inputs.shape), inputs.shape
    sides = [size for place, size in enumerate(shape) if place != axis and size > 1]

    def seen(values: np.ndarray) -> np.ndarray:
        """Return (height, width, colours) of one item's inputs."""
        return values.reshape(*sides, 1) if axis is None else np.moveaxis(values, axis, -1)

    def answers(pictures: np.ndarray) -> np.ndarray:
        back = pictures if axis is None else np.moveaxis(pictures, -1, axis + 1)
        found = fitted.predict(np.ascontiguousarray(back, dtype=np.float32).reshape(len(pictures), *shape))
        return found.reshape(len(found), -1)

    picture = seen(inputs)
    slic = SegmentationAlgorithm("slic", n_segments=PATCHES, start_label=0, convert2lab=False)

    def patches(values: np.ndarray) -> np.ndarray:
        return np.asarray(slic((values - values.min()) / ((values.max() - values.min()) or 1.0)))

    with contextlib.redirect_stderr(io.StringIO()):  # lime draws a progress bar and has no way to leave it out
        found = LimeImageExplainer(random_state=0).explain_instance(
            picture,
            answers,
            labels=(chosen,),
            top_labels=None,
            hide_color=seen(background.mean(0)).mean((0, 1)),
            num_samples=PICTURES,
            batch_size=50,
            segmentation_fn=patches,
            random_seed=0,
        )
    weights = dict(found.local_exp[chosen])
    grid = np.vectorize(lambda patch: weights.get(patch, 0.0), otypes=[float])(found.segments)
    return Weights([f"patch {patch}" for patch in weights], [float(one) for one in weights.values()], grid)
