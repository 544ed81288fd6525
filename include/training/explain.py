"""Explanations: which inputs matter to a model at all (SHAP), and why it gave single answers (SHAP and LIME)."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.content import ArrayContent
from include.training import curves
from include.training.learners import Fitted, predict
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np

BACKGROUND, ROWS, SINGLE = 50, 30, 3  # rows that SHAP compares with, that it explains, and that are shown one by one
CHEAP = 200  # inputs up to which tables and texts are explained without being asked
MOST = 5000  # inputs beyond which nothing is explained
SAMPLES = 500  # changed copies of an item that LIME and Kernel SHAP look at
SECONDS = 60.0
SIGNS = "blue speaks for it, orange against"


@dataclass
class Explained:
    """What is known of why a model answers as it does.

    Attributes:
        told: ``method``, ``rows`` and ``importance`` (name, value; the greatest first); empty where nothing was asked.
        plots: PNG by name.
        notes: what is missing, and why.
    """

    told: dict[str, Any] = field(default_factory=dict)
    plots: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def explain(project: Project, fitted: Fitted, arrays: Mapping[str, Arrays], seconds: float = SECONDS) -> Explained:
    """Explain a model by its training part (as background) and some rows of its test part.

    Args:
        project: says by ``training.explain`` whether to; where it does not, tables and texts of few inputs are explained.
        fitted: the model.
        arrays: ``train`` and ``test``.
        seconds: after which no further single answer is explained.

    Returns:
        The same for the same model and rows.
    """
    import numpy as np

    test, found = arrays["test"], Explained()
    shape = test.inputs.shape[1:]
    width, asked = int(np.prod(shape)), project.training.explain
    if asked is False:
        return found
    if asked is None and (project.data.content.kind not in ("table", "text") or width > CHEAP):
        found.notes.append("explanations were not asked for: set training.explain to true")
        return found
    if width > MOST:
        found.notes.append(f"no explanation: {width:,} inputs are more than {MOST:,}")
        return found
    begun = time.monotonic()
    draw = np.random.default_rng(0)
    background = arrays["train"].inputs[_some(draw, len(arrays["train"].inputs), BACKGROUND)]
    rows = _some(draw, len(test.inputs), ROWS)
    names = input_names(project, test, shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shap, about versions of what it reads
        method, values = shap_values(project, fitted, background, test.inputs[rows])
        mean = np.abs(values).mean((0, 2))
        order = np.argsort(-mean, kind="stable")
        found.told = {
            "method": method,
            "rows": len(rows),
            "importance": [{"name": names[place], "value": float(mean[place])} for place in order[:CHEAP]],
        }
        found.plots["SHAP_importance"] = curves.importance(names, mean.tolist())
        if isinstance(project.data.content, ArrayContent) and len(grid := [size for size in shape if size > 1]) == 2:
            found.plots["SHAP_map"] = curves.heat(mean.reshape(grid), "Which places matter")
        answers = fitted.predict(test.inputs[rows[:SINGLE]])
        for place, row in enumerate(rows[:SINGLE]):
            chosen = int(answers[place].argmax()) if answers.ndim == 2 else 0
            said = f"{project.classes[chosen]}" if answers.ndim == 2 else f"{float(answers[place]):.4g}"
            title = f"Row {row}: why {said} (SHAP)"
            found.plots[f"SHAP_row_{row}"] = curves.importance(
                names, values[place, :, chosen % values.shape[2]].tolist(), title, 12, f"SHAP value: {SIGNS}"
            )
            if time.monotonic() - begun > seconds:
                found.notes.append(f"single answers were explained for {place + 1} rows: {seconds:g} seconds were over")
                break
            if lime := _lime(project, fitted, test, background, names, int(row), chosen):
                found.plots[f"LIME_row_{row}"] = curves.importance(
                    *lime, f"Row {row}: why {said} (LIME)", 12, f"LIME weight: {SIGNS}"
                )
    return found


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


def shap_values(project: Project, fitted: Fitted, background: np.ndarray, rows: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the kind of explainer and the SHAP values of preprocessed rows: (n, inputs, outputs) or, of a network and
    of numbers, (n, inputs, 1) of the answer that it gives.

    Args:
        project: gives the task.
        fitted: the model.
        background: rows to compare with, float32 (m, ...).
        rows: to explain, float32 (n, ...).
    """
    import numpy as np
    import shap

    flat = rows.reshape(len(rows), -1)
    module, estimator = getattr(fitted, "module", None), getattr(fitted, "estimator", None)
    if module is not None:
        return "SHAP GradientExplainer", _gradients(module, background, rows)
    low = background.reshape(len(background), -1)
    if estimator is not None:
        prepare, last = (estimator[:-1], estimator[-1]) if hasattr(estimator, "steps") else (None, estimator)
        same = prepare is None or len(prepare) == 0 or _keeps_inputs(prepare, low)
        if same:
            ready = [prepare.transform(part) if prepare is not None and len(prepare) else part for part in (low, flat)]
            if hasattr(last, "tree_") or hasattr(last, "estimators_") or hasattr(last, "_predictors"):
                try:
                    values = shap.TreeExplainer(last).shap_values(ready[1], check_additivity=False)
                    return "SHAP TreeExplainer", _both(_shaped(values, flat), project)
                except Exception:  # shap says so in many ways where it does not know the kind of ensemble
                    pass
            elif hasattr(last, "coef_"):
                values = shap.LinearExplainer(last, ready[0]).shap_values(ready[1])
                return "SHAP LinearExplainer", _both(_shaped(values, flat), project)

    def answers(values: np.ndarray) -> np.ndarray:
        return fitted.predict(np.asarray(values, dtype=np.float32).reshape(len(values), *rows.shape[1:]))

    np.random.seed(0)  # Kernel SHAP draws from numpy's global generator
    explainer = shap.KernelExplainer(answers, low[:20])
    return "SHAP KernelExplainer", _shaped(explainer.shap_values(flat, nsamples=SAMPLES, silent=True), flat)


def _keeps_inputs(prepare: Any, low: np.ndarray) -> bool:
    """Tell whether the steps before an estimator change inputs one by one: then their names still hold."""
    one_by_one = {"StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "SimpleImputer"}
    return (
        all(type(step).__name__ in one_by_one for _, step in prepare.steps) and prepare.transform(low[:2]).shape == low[:2].shape
    )


def _gradients(module: Any, background: np.ndarray, rows: np.ndarray) -> np.ndarray:
    import numpy as np
    import shap
    import torch

    class Columns(torch.nn.Module):  # type: ignore[misc]
        """The network with outputs (n, columns), as shap wants them."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return self.inner(values).reshape(len(values), -1)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        explainer = shap.GradientExplainer(Columns().eval(), torch.from_numpy(background))
        values, _ = explainer.shap_values(torch.from_numpy(rows), nsamples=BACKGROUND, ranked_outputs=1, rseed=0)
    return _shaped(values, np.asarray(rows).reshape(len(rows), -1))


def _both(values: np.ndarray, project: Project) -> np.ndarray:
    """Return values of both classes where an explainer speaks of the second alone."""
    import numpy as np

    alone = len(project.classes) == 2 and values.shape[2] == 1
    return np.concatenate([-values, values], axis=2) if alone else values


def _shaped(values: Any, flat: np.ndarray) -> np.ndarray:
    """Return SHAP values as (n, inputs, outputs), whichever way the explainer gives them."""
    import numpy as np

    if isinstance(values, list):
        values = np.stack(values, axis=-1)
    found = np.asarray(values, dtype=np.float64)
    return found.reshape(*flat.shape, -1)


def _lime(
    project: Project, fitted: Fitted, test: Arrays, background: np.ndarray, names: list[str], row: int, chosen: int
) -> tuple[list[str], list[float]] | None:
    """Return the words or inputs that LIME finds to matter for one answer; None for kinds that it is not made for."""
    import numpy as np

    kind = project.data.content.kind
    if kind == "text" and project.task == "classification":
        from lime.lime_text import LimeTextExplainer

        def of_texts(texts: list[str]) -> np.ndarray:
            return predict(fitted, project, np.array(texts, dtype=object))

        by_words = LimeTextExplainer(class_names=project.classes, random_state=0)
        found = by_words.explain_instance(
            str(test.contents[row]), of_texts, labels=[chosen], num_features=12, num_samples=SAMPLES
        )
        pairs = found.as_list(label=chosen)
    elif kind == "table":
        from lime.lime_tabular import LimeTabularExplainer

        shape, task = test.inputs.shape[1:], project.task

        def of_rows(values: np.ndarray) -> np.ndarray:
            return fitted.predict(np.asarray(values, dtype=np.float32).reshape(len(values), *shape))

        by_inputs = LimeTabularExplainer(
            background.reshape(len(background), -1), mode=task, feature_names=names, random_state=0, discretize_continuous=False
        )
        given = {"labels": [chosen]} if task == "classification" else {}
        found = by_inputs.explain_instance(test.inputs[row].reshape(-1), of_rows, num_features=12, num_samples=SAMPLES, **given)
        pairs = found.as_list(label=chosen) if task == "classification" else found.as_list()
    else:
        return None
    return [str(name) for name, _ in pairs], [float(weight) for _, weight in pairs]


def _some(draw: np.random.Generator, rows: int, most: int) -> np.ndarray:
    import numpy as np

    return np.sort(draw.choice(rows, min(rows, most), replace=False))
