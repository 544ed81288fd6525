"""Predictions: what callers get for each row, by task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.answers import outputs_of

if TYPE_CHECKING:
    import numpy as np

NAMED = {"LABEL": "label", "CLUSTER": "cluster", "ACTION": "action"}  # places that a project's classes may have names for


def of_outputs(project: Project, outputs: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return one prediction a row from a release's outputs, for tasks other than classification.

    Returns:
        ``{"value"}`` for regression, ``{"cluster", "distances"}``, ``{"coordinates"}``, ``{"action", "values"}``, or
        ``{"output"}`` for a task that is not known here; clusters and actions by name where the project has classes.
    """
    columns = {name.lower(): _column(project, name, outputs[name]) for name in outputs_of(project.task)}
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
        properties = {name.lower(): _schema(project, name) for name in outputs_of(project.task)}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _column(project: Project, name: str, values: np.ndarray) -> list[Any]:
    if values.dtype.kind in "iu":
        places = values[:, 0].tolist()
        named = name in NAMED and all(0 <= place < len(project.classes) for place in places)
        return [project.classes[place] for place in places] if named else places
    # The shortest text that is this float32 again.
    numbers = [[float(str(value)) for value in row] for row in values]
    return [row[0] for row in numbers] if _single(project, name) else numbers


def _single(project: Project, name: str) -> bool:
    return outputs_of(project.task)[name].width == 1


def _schema(project: Project, name: str) -> dict[str, Any]:
    if outputs_of(project.task)[name].dtype == "int32":
        return {"enum": project.classes} if project.classes else {"type": "integer"}
    return {"type": "number"} if _single(project, name) else {"type": "array", "items": {"type": "number"}}
