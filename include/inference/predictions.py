"""Predictions: what callers get for each row, by task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.answers import outputs_of

if TYPE_CHECKING:
    import numpy as np

PLACES = {"clustering": "cluster", "control": "action"}  # what callers get for LABEL


def of_outputs(project: Project, outputs: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return one prediction a row from a release's outputs, for tasks other than classification.

    Returns:
        ``{"value"}`` for regression, ``{"cluster", "memberships"}``, ``{"vector"}``, ``{"action", "values"}``, or
        ``{"output"}`` for a task that has no answers of its own.
    """
    columns = {_said(project, name): _column(project, name, outputs[name]) for name in outputs_of(project.task)}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def described(project: Project) -> dict[str, Any]:
    """Return the JSON schema of one prediction."""
    if project.task == "classification":
        properties: dict[str, Any] = {
            "label": {"enum": project.classes},
            "probability": {"type": "number"},
            "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
        }
    else:
        properties = {_said(project, name): _schema(project, name) for name in outputs_of(project.task)}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _said(project: Project, name: str) -> str:
    return PLACES.get(project.task, "label") if name == "LABEL" else name.lower()


def _column(project: Project, name: str, values: np.ndarray) -> list[Any]:
    if values.dtype.kind in "iu":
        return list(values[:, 0].tolist())
    # The shortest text that is this float32 again.
    numbers = [[float(str(value)) for value in row] for row in values]
    return [row[0] for row in numbers] if _single(project, name) else numbers


def _single(project: Project, name: str) -> bool:
    return outputs_of(project.task)[name].width == 1


def _schema(project: Project, name: str) -> dict[str, Any]:
    if outputs_of(project.task)[name].dtype == "int32":
        return {"type": "integer"}
    return {"type": "number"} if _single(project, name) else {"type": "array", "items": {"type": "number"}}
