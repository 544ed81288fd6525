"""Answers: what a model's outputs become, by task, where a project's postprocess component does not say otherwise.

The model server, its callers and the tests of a release read this one table. This module is copied into a release's
package: numpy alone, 1.26 or newer, and nothing of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Outputs = dict[str, np.ndarray]


class Output(NamedTuple):
    """One output of a release: its type, and how wide a row of it is; 0 where the model decides, -1 one a class."""

    dtype: str
    width: int


LABEL, VALUE = Output("int32", 1), Output("float32", 1)
BY_TASK: dict[str, dict[str, Output]] = {
    "classification": {"LABEL": LABEL, "PROBABILITIES": Output("float32", -1)},
    "regression": {"VALUE": VALUE},
    "clustering": {"LABEL": LABEL, "MEMBERSHIPS": Output("float32", 0)},
    "reduction": {"VECTOR": Output("float32", 0)},
    "control": {"LABEL": LABEL, "VALUES": Output("float32", 0)},
}
OTHERS = {"OUTPUT": Output("float32", 0)}


def outputs_of(task: str) -> dict[str, Output]:
    """Return the outputs of a release by name."""
    return BY_TASK.get(task, OTHERS)


def problem(answers: Mapping[str, np.ndarray], task: str, rows: int, classes: int) -> str | None:
    """Return what is wrong with the answers for ``rows`` rows, None where nothing is."""
    wanted = outputs_of(task)
    if not isinstance(answers, Mapping) or set(answers) != set(wanted):
        seen = ", ".join(sorted(answers)) if isinstance(answers, Mapping) else type(answers).__name__
        return f"wanted a dict of {' and '.join(wanted)}, not {seen or 'nothing'}"
    for name, output in wanted.items():
        value, width = answers[name], classes if output.width < 0 else output.width
        if value.ndim != 2 or len(value) != rows or (width and value.shape[1] != width) or not value.shape[1]:
            return f"{name} has the shape {value.shape}, wanted ({rows}, {width or 'at least 1'})"
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            return f"{name} holds values that are not finite"
    return None


def postprocess(task: str) -> Callable[[np.ndarray], Outputs]:
    """Return the postprocessing of a task: outputs of the model (n, ...) -> answers."""
    return {
        "classification": probabilities,
        "regression": lambda outputs: {"VALUE": _wide(outputs)},
        "clustering": memberships,
        "reduction": lambda outputs: {"VECTOR": _wide(outputs)},
        "control": lambda outputs: {"LABEL": _place(_wide(outputs)), "VALUES": _wide(outputs)},
    }.get(task, lambda outputs: {"OUTPUT": _wide(outputs)})


def probabilities(logits: np.ndarray) -> Outputs:
    """Turn logits (n, classes) into ``LABEL`` int32 (n, 1), the most probable class, and ``PROBABILITIES`` (n, classes)."""
    shares = _shares(logits)
    return {"LABEL": _place(shares), "PROBABILITIES": shares}


def memberships(logits: np.ndarray) -> Outputs:
    """Turn outputs (n, clusters), the greater the nearer, into ``LABEL`` int32 (n, 1) and ``MEMBERSHIPS`` (n, clusters)."""
    shares = _shares(logits)
    return {"LABEL": _place(shares), "MEMBERSHIPS": shares}


def trained(outputs: np.ndarray, task: str) -> Outputs | None:
    """Return the answers of a trained model whose outputs are shares already; None where they go through postprocessing."""
    names = {"classification": ("LABEL", "PROBABILITIES"), "clustering": ("LABEL", "MEMBERSHIPS")}.get(task)
    return None if names is None else {names[0]: _place(outputs), names[1]: outputs}


def _shares(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, dtype=np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: np.ndarray = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


def _wide(outputs: np.ndarray) -> np.ndarray:
    return np.asarray(outputs, dtype=np.float32).reshape(len(outputs), -1)


def _place(values: np.ndarray) -> np.ndarray:
    return values.argmax(axis=1).astype(np.int32)[:, np.newaxis]
