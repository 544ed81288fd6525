"""How good answers are, in one figure a task, where ways of running a model are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FIGURES = {"classification": "accuracy", "regression": "r2"}
AGREEMENT = "agreement"  # of tasks without true answers: with the trained model


def figure_of(task: str) -> str:
    """Return the name of the figure: ``accuracy``, ``r2``, or ``agreement`` with the trained model."""
    return FIGURES.get(task, AGREEMENT)


def judge(task: str, answers: Mapping[str, np.ndarray], truth: np.ndarray, trained: Mapping[str, np.ndarray]) -> float:
    """Return the figure of answers, at most 1, which is best.

    Args:
        task: of the project.
        answers: by name, arrays (n, k), as a release gives them.
        truth: class indices or numbers (n,); not looked at in tasks that have none.
        trained: what the trained model answers; looked at in tasks without true answers alone.
    """
    import numpy as np

    if task == "classification":
        return float((answers["LABEL"][:, 0] == truth).mean())
    if task == "regression":
        return _share(np.asarray(truth, np.float64), np.asarray(answers["VALUE"][:, 0], np.float64))
    shares = [
        float((value == trained[name]).all(axis=1).mean())
        if value.dtype.kind in "iu"
        else _share(np.asarray(trained[name], np.float64), np.asarray(value, np.float64))
        for name, value in answers.items()
    ]
    return min(shares)


def _share(truth: np.ndarray, said: np.ndarray) -> float:
    """Return the share of the spread of ``truth`` that ``said`` explains (R squared)."""
    spread = float(((truth - truth.mean(axis=0)) ** 2).sum())
    left = float(((truth - said) ** 2).sum())
    return 1.0 if left == 0 else 1.0 - left / spread if spread > 0 else 0.0
