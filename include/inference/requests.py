"""Reading an inference request: bytes in, checked rows out, or an error that names field and row."""

from __future__ import annotations

import json
import math
import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from include.inference.contents import expected, kind_of, parse_rows
from include.inference.errors import ApiError, invalid, too_large
from include.projects import Project
from include.projects.content import ArrayContent

REQUEST_ID_LENGTH = 128
WIDE = {"float64": np.float64, "int64": np.int64}  # float32 does not hold all their values
KEYS = frozenset({"request_id", "input", "inputs"})


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """A checked request.

    Attributes:
        request_id: the caller's, or a new one.
        single: whether the caller sent one ``input`` rather than ``inputs``.
        inputs: the rows as the prediction log keeps them: arrays and texts as sent.
        rows: how many.
        tensor: array (rows, *content.shape) in C order, float32 where that holds the content's type exactly; objects of
            bytes (rows, 1) of other contents.
    """

    request_id: str
    single: bool
    inputs: list[Any]
    rows: int
    tensor: np.ndarray


def parse_object(body: bytes, keys: frozenset[str]) -> dict[str, Any]:
    """Return the JSON object of a request body.

    Raises:
        ApiError: 422: no JSON, no object, or a key that is not in ``keys``.
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as cause:
        data = _lenient(body)
        if data is None:
            message = f"the body is not JSON: {cause}"
            raise invalid("not_json", message, "send one JSON object in UTF-8; see /docs for an example", "body") from None
    if not isinstance(data, dict):
        message = f"the body must be a JSON object, not {kind_of(data)}"
        raise invalid("not_an_object", message, 'send {"input": ...} or {"inputs": [...]}; see /docs for an example', "body")
    if unknown := data.keys() - keys:
        name = min(unknown)
        raise invalid("unknown_key", f"unknown key {name[:80]!r}", f"the known keys are {', '.join(sorted(keys))}", name[:80])
    return data


def parse_inference(body: bytes, project: Project, max_rows: int) -> InferenceRequest:
    """Check a request body against what ``project`` says of its content.

    Args:
        body: JSON, ``{"request_id"?: str, "input": row}`` or ``{"request_id"?: str, "inputs": [row, ...]}``.
        project: its ``data.content`` gives shape, range and type of a row.
        max_rows: more rows are refused with 413.

    Raises:
        ApiError: 422 or 413; the message names field and row.
    """
    data = parse_object(body, KEYS)
    single = "input" in data
    if single == ("inputs" in data):
        problem = "both input and inputs are given" if single else "neither input nor inputs is given"
        raise invalid("input_or_inputs", problem, "send input for one row, or inputs for a list of rows", "inputs")
    request_id = check_request_id(data["request_id"], "request_id") if "request_id" in data else uuid.uuid4().hex
    rows = [data["input"]] if single else data["inputs"]
    if not isinstance(rows, list) or not rows:
        problem = "is empty" if rows == [] else f"must be a list of rows, not {kind_of(rows)}"
        raise invalid("bad_shape", f"inputs {problem}", _expected(project), "inputs")
    if len(rows) > max_rows:
        message = f"{len(rows)} rows in one request, at most {max_rows} are allowed"
        raise too_large(message, f"send at most {max_rows} rows a request; more belongs in batch inference", "inputs")
    if isinstance(project.data.content, ArrayContent):
        return InferenceRequest(request_id, single, rows, len(rows), _tensor(rows, single, project, body))
    kept, tensor = parse_rows(rows, single, project)
    return InferenceRequest(request_id, single, kept, len(rows), tensor)


def check_request_id(value: Any, field: str) -> str:
    """Return ``value`` where it can be a request id.

    Raises:
        ApiError: 422: not a text of 1 to 128 printable characters.
    """
    problem = None
    if not isinstance(value, str):
        problem = f"must be a text, not {kind_of(value)}"
    elif not 1 <= len(value) <= REQUEST_ID_LENGTH:
        problem = f"must have 1 to {REQUEST_ID_LENGTH} characters, not {len(value)}"
    elif not value.isprintable():
        problem = "has control characters or others that cannot be printed"
    if problem:
        message = f"{field} {problem}"
        raise invalid("bad_request_id", message, f"send a printable text of 1 to {REQUEST_ID_LENGTH} characters, or none", field)
    return str(value)


def _tensor(rows: list[Any], single: bool, project: Project, body: bytes) -> np.ndarray:
    content = project.array
    low, high = content.range
    whole = not content.dtype.startswith("float")
    try:
        array = np.asarray(rows)
    except (ValueError, OverflowError):
        array = None
    if (
        array is None
        or array.dtype.kind not in "iuf"
        or array.shape[1:] != tuple(content.shape)
        or not (array.min() >= low and array.max() <= high)
        or (whole and array.dtype.kind == "f" and not (array == np.floor(array)).all())
        or b"true" in body
        or b"false" in body
    ):
        for number, row in enumerate(rows):
            field = "input" if single else f"inputs[{number}]"
            _check(row, content.shape, low, high, whole, field, number, project)
        array = np.asarray(rows, dtype=np.float64)
    return np.ascontiguousarray(array, dtype=WIDE.get(content.dtype, np.float32))


def _check(value: Any, shape: list[int], low: float, high: float, whole: bool, field: str, row: int, project: Project) -> None:
    """Raise at the first place where ``value`` is not what the project says; slow, for what failed the quick look."""
    if shape:
        if not isinstance(value, list) or len(value) != shape[0]:
            found = f"a list of {len(value)}" if isinstance(value, list) else kind_of(value)
            message = f"row {row}: {field} must be a list of {shape[0]}, not {found}"
            raise invalid("bad_shape", message, _expected(project), field, row)
        for number, item in enumerate(value):
            _check(item, shape[1:], low, high, whole, f"{field}[{number}]", row, project)
        return
    problem, code = None, "not_a_number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        problem = f"must be a number, not {kind_of(value)}"
    elif not math.isfinite(value):
        problem = f"must be a finite number, not {value}"
    elif not low <= value <= high:
        problem, code = f"is {value:g}, outside of {low:g} to {high:g}", "out_of_range"
    elif whole and value != math.floor(value):
        problem, code = f"must be a whole number, not {value:g}", "not_whole"
    if problem:
        raise invalid(code, f"row {row}: {field} {problem}", _expected(project), field, row)


def _expected(project: Project) -> str:
    content = project.data.content
    if not isinstance(content, ArrayContent):
        return expected(project)
    numbers = "numbers" if content.dtype.startswith("float") else "whole numbers"
    return (
        f"each row of project {project.name} is a list of shape {content.shape} of {numbers} "
        f"from {content.range[0]:g} to {content.range[1]:g}"
    )


def _lenient(body: bytes) -> Any:
    """Return what Python's reader makes of numbers that JSON does not have (NaN, Infinity, 1e999), so that they can be named."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


__all__ = ["ApiError", "InferenceRequest", "check_request_id", "parse_inference", "parse_object"]
