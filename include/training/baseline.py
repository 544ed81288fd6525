"""The simple models that each evaluation trains beside: what is worth its name must beat the stronger of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.content import ArrayContent
from include.training.metrics import gate_metric
from include.training.parts import Arrays
from include.training.transforms import TRANSFORMS

if TYPE_CHECKING:
    import numpy as np

ROWS, WIDTH = 20_000, 4096  # that a baseline is fitted on, so that it stays a matter of seconds
Answer = Callable[[Arrays], "np.ndarray"]


def baseline(project: Project, arrays: Mapping[str, Arrays]) -> tuple[str, np.ndarray]:
    """Train simple models on the training part, keep the one that is best on the validation part, and let it answer.

    Classification: the shares of the classes, and a logistic regression (of texts, over their bag of words).
    Regression: the mean, a ridge regression and, where items are windows over time and the split follows time, the
    last value as it is.

    Args:
        project: gives the task and the metric that decides.
        arrays: ``train``, ``test`` and, unless the training part must do, ``validation``.

    Returns:
        What it is, and its outputs for the test part: as those of a model.
    """
    metric = gate_metric(project)
    held = arrays.get("validation", arrays["train"])
    makers = _classifiers if project.task == "classification" else _regressors
    best: tuple[float, str, Answer] | None = None
    for name, answer in makers(project, arrays["train"]).items():
        value = metric.function(held.labels, answer(held))
        if best is None or metric.better(value, best[0]):
            best = (value, name, answer)
    assert best is not None
    return best[1], best[2](arrays["test"])


def _classifiers(project: Project, train: Arrays) -> dict[str, Answer]:
    import numpy as np

    count = len(project.classes)
    shares = np.bincount(train.labels, minlength=count) / len(train.labels)
    found: dict[str, Answer] = {"most frequent class": lambda part: np.tile(shares, (len(part.labels), 1))}
    if len(np.unique(train.labels)) > 1:
        from sklearn.linear_model import LogisticRegression

        # Numbers of terms, which a model of texts takes, say nothing to a linear one: it counts the terms themselves.
        taken = _words(train) if project.data.content.kind == "text" else (lambda part: part)
        model = _fitted(LogisticRegression(max_iter=300), taken(train))

        def answer(part: Arrays) -> np.ndarray:
            outputs = np.zeros((len(part.labels), count))
            outputs[:, model[-1].classes_] = model.predict_proba(_flat(taken(part)))
            return outputs

        found["logistic regression"] = answer
    return found


def _words(train: Arrays) -> Callable[[Arrays], Arrays]:
    """Return what turns a part of texts into the same with their bag of words as inputs, fitted on the training part."""
    bag = TRANSFORMS["bag_of_words"]
    state = bag.fit(train.contents)
    return lambda part: replace(part, inputs=bag.apply(part.contents, state))


def _regressors(project: Project, train: Arrays) -> dict[str, Answer]:
    import numpy as np
    from sklearn.linear_model import Ridge

    mean = float(train.labels.mean())
    ridge = _fitted(Ridge(), train)
    found: dict[str, Answer] = {
        "mean": lambda part: np.full(len(part.labels), mean),
        "ridge regression": lambda part: np.asarray(ridge.predict(_flat(part)), dtype=np.float64),
    }
    form = project.data.content
    if isinstance(form, ArrayContent) and len(form.shape) in (1, 2) and project.split.method == "time":
        last = _last(train)
        series = int(np.argmin(np.abs(last - train.labels[:, None]).mean(0)))  # the one that the label goes on with
        found["last value"] = lambda part: _last(part)[:, series]
    return found


def _last(part: Arrays) -> np.ndarray:
    """Return the last value of each series of windows (n, time) or (n, time, series), as (n, series)."""
    import numpy as np

    values = np.asarray(part.contents, dtype=np.float64)
    return values[:, -1:] if values.ndim == 2 else values[:, -1]


def _flat(part: Arrays) -> np.ndarray:
    return part.inputs.reshape(len(part.inputs), -1)


def _fitted(model: Any, train: Arrays) -> Any:
    """Fit a linear model on inputs of one scale, of a seeded sample of rows and a seeded projection where there are many."""
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.random_projection import GaussianRandomProjection

    inputs, labels = _flat(train), train.labels
    if len(inputs) > ROWS:
        rows = np.sort(np.random.default_rng(0).choice(len(inputs), ROWS, replace=False))
        inputs, labels = inputs[rows], labels[rows]
    less = [GaussianRandomProjection(WIDTH // 8, random_state=0)] if inputs.shape[1] > WIDTH else []
    scale = [StandardScaler()] if less or np.abs(inputs).max() > 1 else []  # what lies in -1..1 was scaled by preprocessing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # simple is what it is for
        return make_pipeline(*less, *scale, model).fit(inputs, labels)
