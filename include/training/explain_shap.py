"""SHAP values of the inputs of a model: by the explainer that knows its kind, else by one that only asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training import device
from include.training.errors import InputError
from include.training.explain_parts import Clock, seeded
from include.training.learners import Fitted

if TYPE_CHECKING:
    import numpy as np

SAMPLES = 500  # changed copies of an item that Kernel SHAP asks the model about
STEPS = 50  # gradients that are taken of an item
ASKED, HELD = 20, 20_000_000  # rows that Kernel SHAP compares with, and numbers that it may hold at once
MOST = 5000  # inputs that it can tell apart


def shap_values(
    project: Project, fitted: Fitted, background: np.ndarray, rows: np.ndarray, clock: Clock
) -> tuple[str, np.ndarray]:
    """Return the kind of explainer and the SHAP values of preprocessed rows: (n, inputs, outputs) or, of a network and
    of numbers, (n, inputs, 1) of the answer that it gives.

    Args:
        project: gives the task.
        fitted: the model.
        background: rows to compare with, float32 (m, ...).
        rows: to explain, float32 (n, ...).
        clock: when it is over no further row is explained where rows cost time: fewer come back, at least one.

    Raises:
        InputError: no explainer can do it.
    """
    module, estimator = getattr(fitted, "module", None), getattr(fitted, "estimator", None)
    why = ""
    if module is not None:
        try:
            values = _gradients(module, background, rows, clock)
            if values.any():
                return "SHAP GradientExplainer", values
            why = "the network's answers have no gradient to its inputs, and "
        except Exception as cause:  # torch and shap say in many ways that there is no gradient
            why = f"the network gives no gradient to its inputs ({type(cause).__name__}), and "
    elif estimator is not None and (found := _by_kind(project, estimator, background, rows)) is not None:
        return found
    if (width := rows[0].size) > MOST:
        raise InputError(f"{why}{width:,} inputs are more than the {MOST:,} that can be tried one by one")
    return "SHAP KernelExplainer", _asking(fitted, background, rows, clock)


def _by_kind(project: Project, estimator: Any, background: np.ndarray, rows: np.ndarray) -> tuple[str, np.ndarray] | None:
    """Return what an explainer of trees or of linear models says; None where neither knows the estimator."""
    import shap

    flat, low = rows.reshape(len(rows), -1), background.reshape(len(background), -1)
    prepare, last = (estimator[:-1], estimator[-1]) if hasattr(estimator, "steps") else (None, estimator)
    if prepare is not None and len(prepare) and not _keeps_inputs(prepare, low):
        return None
    ready = [prepare.transform(part) if prepare is not None and len(prepare) else part for part in (low, flat)]
    if hasattr(last, "tree_") or hasattr(last, "estimators_") or hasattr(last, "_predictors"):
        try:
            values = shap.TreeExplainer(last).shap_values(ready[1], check_additivity=False)
            return "SHAP TreeExplainer", _both(_shaped(values, flat), project)
        except Exception:  # shap says so in many ways where it does not know the kind of ensemble
            return None
    if hasattr(last, "coef_"):
        values = shap.LinearExplainer(last, ready[0]).shap_values(ready[1])
        return "SHAP LinearExplainer", _both(_shaped(values, flat), project)
    return None


def _keeps_inputs(prepare: Any, low: np.ndarray) -> bool:
    """Tell whether the steps before an estimator change inputs one by one: then their names still hold."""
    one_by_one = {"StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "SimpleImputer"}
    return (
        all(type(step).__name__ in one_by_one for _, step in prepare.steps) and prepare.transform(low[:2]).shape == low[:2].shape
    )


def _gradients(module: Any, background: np.ndarray, rows: np.ndarray, clock: Clock) -> np.ndarray:
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
        on = device.of(module)
        explainer = shap.GradientExplainer(Columns().eval(), torch.from_numpy(background).to(on))

        def of(row: np.ndarray) -> Any:
            return explainer.shap_values(torch.from_numpy(row).to(on), nsamples=STEPS, ranked_outputs=1, rseed=0)[0]

        return _one_by_one(of, rows, clock)


def _asking(fitted: Fitted, background: np.ndarray, rows: np.ndarray, clock: Clock) -> np.ndarray:
    import numpy as np
    import shap

    def answers(values: np.ndarray) -> np.ndarray:
        return fitted.predict(np.asarray(values, dtype=np.float32).reshape(len(values), *rows.shape[1:]))

    low = background.reshape(len(background), -1)
    compared = low[: max(1, min(ASKED, HELD // (SAMPLES * low.shape[1])))]
    with seeded():
        explainer = shap.KernelExplainer(answers, compared)
        return _one_by_one(lambda row: explainer.shap_values(row.reshape(1, -1), nsamples=SAMPLES, silent=True), rows, clock)


def _one_by_one(explain: Callable[[np.ndarray], Any], rows: np.ndarray, clock: Clock) -> np.ndarray:
    """Return SHAP values of rows until the time is over."""
    import numpy as np

    found = []
    for place in range(len(rows)):
        row = rows[place : place + 1]
        found.append(_shaped(explain(row), row.reshape(1, -1)))
        if clock.over:
            break
    return np.concatenate(found)


def _both(values: np.ndarray, project: Project) -> np.ndarray:
    """Return values of both classes where an explainer speaks of the second alone."""
    import numpy as np

    alone = project.task == "classification" and len(project.classes) == 2 and values.shape[2] == 1
    return np.concatenate([-values, values], axis=2) if alone else values


def _shaped(values: Any, flat: np.ndarray) -> np.ndarray:
    """Return SHAP values as (n, inputs, outputs), whichever way the explainer gives them."""
    import numpy as np

    if isinstance(values, list):
        values = np.stack(values, axis=-1)
    found = np.asarray(values, dtype=np.float64)
    return found.reshape(*flat.shape, -1)
