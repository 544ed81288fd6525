"""The form of a project's rows, as callers read it: JSON schemas and examples, for the project's status and for /docs."""

from __future__ import annotations

from typing import Any

from include.inference import predictions
from include.projects import Project
from include.projects.content import ArrayContent, Column, ImageContent, TableContent, TextContent

JSON_TYPES = {"number": "number", "integer": "integer", "boolean": "boolean"}


def input_form(project: Project) -> dict[str, Any]:
    """Return ``kind`` of a row, its ``schema`` and an ``example``; of arrays also ``shape``, ``dtype`` and ``range``."""
    form = project.data.content
    more = {}
    if isinstance(form, ArrayContent):
        more = {"shape": form.shape, "dtype": form.dtype, "range": list(form.range)}
    return {**more, "kind": form.kind, "schema": row_schema(project), "example": example(project)}


def row_schema(project: Project) -> dict[str, Any]:
    """Return the JSON schema of one row."""
    form = project.data.content
    if isinstance(form, ArrayContent):
        item: dict[str, Any] = {
            "type": "number" if form.dtype.startswith("float") else "integer",
            "minimum": form.range[0],
            "maximum": form.range[1],
        }
        for length in reversed(form.shape):
            item = {"type": "array", "items": item, "minItems": length, "maxItems": length}
        return item
    if isinstance(form, TextContent):
        return {"type": "string", "minLength": form.min_chars, "maxLength": form.max_chars}
    if isinstance(form, TableContent):
        properties = {name: _column(column) for name, column in form.columns.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    return {"type": "string", "contentEncoding": "base64", "description": f"a file of kind {form.kind}"}


def example(project: Project) -> Any:
    """Return a made-up row of the right form; None for files."""
    form = project.data.content
    if isinstance(form, ArrayContent):
        value: Any = form.range[0] if form.dtype.startswith("float") else int(form.range[0])
        for length in reversed(form.shape):
            value = [value] * length
        return value
    if isinstance(form, TextContent):
        text = "주문한 상품이 아직 오지 않았습니다. Where is my parcel? "
        return (text * (form.min_chars // len(text) + 1)).strip()[: form.max_chars]
    if isinstance(form, TableContent):
        return {name: _value(column) for name, column in form.columns.items()}
    return None


def schemas(project: Project) -> dict[str, Any]:
    """Return the schemas of a request and of a prediction by name, for the OpenAPI description."""
    row = row_schema(project)
    body = {
        "type": "object",
        "title": f"Request to {project.name}",
        "description": project.title,
        "properties": {"request_id": {"type": "string"}, "input": row, "inputs": {"type": "array", "items": row, "minItems": 1}},
        "additionalProperties": False,
    }
    answer = {"title": f"Prediction of {project.name}", **predictions.described(project)}
    return {f"Request_{project.name}": body, f"Prediction_{project.name}": answer}


def served(project: Project) -> bool:
    """Return whether rows of the project can be asked for in real time."""
    return isinstance(project.data.content, ArrayContent | TextContent | TableContent | ImageContent)


def _column(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {"type": [JSON_TYPES.get(column.type, "string"), "null"]}
    if column.type == "time":
        found["format"] = "date-time"
    if column.range:
        found["minimum"], found["maximum"] = column.range
    if column.choices:
        found["enum"] = [*column.choices, None]
    if column.description:
        found["description"] = column.description
    return found


def _value(column: Column) -> Any:
    if column.type in ("number", "integer"):
        low, high = column.range or (0.0, 2.0)
        middle = (low + high) / 2
        return round(middle, 6) if column.type == "number" else int(middle // 1)
    if column.type == "boolean":
        return True
    if column.type == "time":
        return "2026-01-05T09:00:00+09:00"
    return column.choices[0] if column.choices else "가"
