"""Rows of a request that are no arrays: texts, rows of a table, image files, checked and made into what rounds hold."""

from __future__ import annotations

import base64
import binascii
import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from include.data import forms
from include.data.times import text
from include.inference.errors import ApiError, invalid
from include.projects import Project
from include.projects.content import Column, ImageContent, TableContent, TextContent

TIME = '"2026-01-05T09:00:00+09:00"'
TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "number": ((int, float), "a number"),
    "integer": ((int, float), "a whole number"),
    "boolean": ((bool,), "true or false"),
    "text": ((str,), "a text"),
    "category": ((str,), "a text"),
    "time": ((str,), f"a time as ISO 8601 text such as {TIME}"),
}


def parse_rows(rows: Sequence[Any], single: bool, project: Project) -> tuple[list[Any], np.ndarray]:
    """Check rows and return them for the prediction log and for the model server.

    Args:
        rows: as sent.
        single: whether the caller sent one as ``input``.
        project: its ``data.content`` is the form of a row.

    Returns:
        The rows as the log keeps them (texts and base64 as sent, rows of a table with all declared columns in their
        order), and objects of bytes (n, 1).

    Raises:
        ApiError: 422; the message names row, column and what would be right.
    """
    form = project.data.content
    kept: list[Any] = []
    found = np.empty((len(rows), 1), dtype=object)
    for number, row in enumerate(rows):
        field = "input" if single else f"inputs[{number}]"
        if isinstance(form, TableContent):
            found[number, 0] = content = _row(row, form, field, number, project)
            kept.append(orjson.Fragment(content))
        elif isinstance(form, TextContent):
            found[number, 0] = _text(row, form, field, number, project)
            kept.append(row)
        elif isinstance(form, ImageContent):
            found[number, 0] = _file(row, form, field, number, project)
            kept.append(row)
        else:
            message = f"project {project.name} is about {form.kind}, which is not served in real time"
            raise ApiError(501, "kind_not_served", message, "arrays, texts, tables and images are; run a batch job for it")
    return kept, found


def expected(project: Project) -> str:
    """Return what a row of the project is, in one sentence."""
    form, whose = project.data.content, f"each row of project {project.name} is"
    if isinstance(form, TableContent):
        return f"{whose} an object with the columns {', '.join(form.columns)}; null where a value is missing"
    if isinstance(form, TextContent):
        return f"{whose} a text of {form.min_chars} to {form.max_chars} characters"
    return f"{whose} the base64 text of a file of kind {form.kind}, at most {getattr(form, 'max_bytes', 0)} bytes"


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in words."""
    if value is None:
        return "null"
    for types, name in ((bool, "true or false"), (int | float, "a number"), (str, "a text"), (list, "a list")):
        if isinstance(value, types):
            return name
    return "an object"


def _text(value: Any, form: TextContent, field: str, row: int, project: Project) -> bytes:
    if not isinstance(value, str):
        raise invalid("not_a_text", f"row {row}: {field} must be a text, not {kind_of(value)}", expected(project), field, row)
    try:
        content = value.encode()
    except UnicodeEncodeError as cause:
        raise invalid("bad_text", f"row {row}: {field} is no valid Unicode", expected(project), field, row) from cause
    if problem := forms.check(content, form):
        code = "bad_text" if "\x00" in value else "text_length"
        raise invalid(code, f"row {row}: {field}: {problem}", expected(project), field, row)
    return content


def _row(value: Any, form: TableContent, field: str, row: int, project: Project) -> bytes:
    if not isinstance(value, dict):
        message = f"row {row}: {field} must be an object with columns, not {kind_of(value)}"
        raise invalid("not_a_row", message, expected(project), field, row)
    if unknown := value.keys() - form.columns.keys():
        name = min(unknown)
        near = difflib.get_close_matches(name, form.columns, n=1)
        advice = f"did you mean {near[0]}? " if near else ""
        message = f"row {row}: there is no column {name[:80]!r}"
        raise invalid("unknown_column", message, advice + expected(project), f"{field}.{name[:80]}", row)
    for name, column in form.columns.items():
        _check(value.get(name), name, column, f"{field}.{name}", row)
    try:
        return forms.dump_row(value, form)
    except ValueError as cause:
        raise invalid("bad_value", f"row {row}: {text(cause)}", expected(project), field, row) from cause


def _check(value: Any, name: str, column: Column, field: str, row: int) -> None:
    """Raise where a value is not what its column says; what is personal is not quoted."""
    if value is None:
        return
    types, wanted = TYPES[column.type]
    shown = "the value" if column.personal else text(value)[:40]
    problem, code = None, "wrong_type"
    fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    if not fits:
        problem = f"must be {wanted} or null, not {kind_of(value)}"
    elif column.type in ("number", "integer"):
        if value != value or value in (float("inf"), float("-inf")):
            problem, code = f"must be a finite number or null, not {value}", "not_a_number"
        elif column.type == "integer" and (value % 1 or not -forms.MAX_INTEGER <= value < forms.MAX_INTEGER):
            problem, code = f"must be a whole number of 64 bits or null, not {shown}", "not_whole"
        elif column.range and not column.range[0] <= value <= column.range[1]:
            problem, code = f"is {shown}, outside of {column.range[0]:g} to {column.range[1]:g}", "out_of_range"
    elif column.choices and value and value not in column.choices:
        near = difflib.get_close_matches(value, column.choices, n=1)
        problem, code = f"is {shown!r}, which is no choice" + (f"; did you mean {near[0]!r}?" if near else ""), "unknown_choice"
    elif column.type == "time" and not _is_time(value):
        problem, code = f"must be {wanted} or null, not {shown!r}", "not_a_time"
    if problem:
        message = f"row {row}: column {name} {problem}"
        raise invalid(code, message, f"send {_told(name, column)}", field, row)


def _told(name: str, column: Column) -> str:
    what = f"for {name} {TYPES[column.type][1]}"
    if column.range:
        what += f" from {column.range[0]:g} to {column.range[1]:g}"
    if column.choices:
        what = f"for {name} one of {', '.join(column.choices)[:500]}"
    return f"{what}, or null where it is missing"


def _is_time(value: str) -> bool:
    from include.data.times import moment_of

    try:
        moment_of(value)
    except ValueError:
        return False
    return True


def _file(value: Any, form: ImageContent, field: str, row: int, project: Project) -> bytes:
    if not isinstance(value, str):
        message = f"row {row}: {field} must be the base64 text of a file, not {kind_of(value)}"
        raise invalid("not_a_text", message, expected(project), field, row)
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise invalid("not_base64", f"row {row}: {field} is no base64 text", expected(project), field, row) from cause
    if problem := forms.check(content, form):
        raise invalid("bad_file", f"row {row}: {field}: {problem}", expected(project), field, row)
    return content
