"""Components: typed steps that projects connect to a workflow. Importing this imports nothing that costs time."""

from include.components.declare import Component, Context, component
from include.components.errors import ComponentError, StepError, StepFailed
from include.components.registry import find, register, shared
from include.components.types import (
    Blobs,
    File,
    Inputs,
    Items,
    Labels,
    Metrics,
    Model,
    Scores,
    Table,
    Tensor,
    TensorType,
    Texts,
)

__all__ = [
    "Blobs",
    "Component",
    "ComponentError",
    "Context",
    "File",
    "Inputs",
    "Items",
    "Labels",
    "Metrics",
    "Model",
    "Scores",
    "StepError",
    "StepFailed",
    "Table",
    "Tensor",
    "TensorType",
    "Texts",
    "component",
    "find",
    "register",
    "shared",
]
