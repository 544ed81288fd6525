"""Reading inference requests: what is taken, and how each mistake is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from include.inference.errors import ApiError
from include.inference.requests import parse_inference
from include.projects import Project, load_project

IMAGE = [[(row * 8 + column) % 17 for column in range(8)] for row in range(8)]


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project("digits")


def changed(value: Any, row: int = 3, column: int = 5) -> list[list[Any]]:
    image: list[list[Any]] = [list(line) for line in IMAGE]
    image[row][column] = value
    return image


def body(**keys: Any) -> bytes:
    return orjson.dumps(keys)


def refused(raw: bytes, project: Project) -> ApiError:
    with pytest.raises(ApiError) as caught:
        parse_inference(raw, project, 4)
    assert caught.value.what_to_do
    return caught.value


def test_one_row(project: Project) -> None:
    request = parse_inference(body(request_id="요청-1", input=IMAGE), project, 4)
    assert (request.request_id, request.single, request.rows, request.inputs) == ("요청-1", True, 1, [IMAGE])
    assert request.tensor.dtype == np.float32 and request.tensor.shape == (1, 8, 8)
    assert request.tensor[0].tolist() == IMAGE


def test_several_rows_and_an_id_of_its_own(project: Project) -> None:
    first = parse_inference(body(inputs=[IMAGE, changed(16.0)]), project, 4)
    second = parse_inference(body(inputs=[IMAGE]), project, 4)
    assert (first.single, first.rows) == (False, 2) and first.tensor[1, 3, 5] == 16
    assert len(first.request_id) == 32 and first.request_id != second.request_id


def test_floats_where_the_project_says_so(project: Project) -> None:
    content = project.data.content.model_copy(update={"dtype": "float32"})
    floats = project.model_copy(update={"data": project.data.model_copy(update={"content": content})})
    assert parse_inference(body(input=changed(0.5)), floats, 4).tensor[0, 3, 5] == 0.5
    assert refused(body(input=changed(0.5)), project).code == "not_whole"


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        ("3", "not_a_number", "not a text"),
        (None, "not_a_number", "not null"),
        (True, "not_a_number", "not true or false"),
        ({}, "not_a_number", "not an object"),
        ([1], "not_a_number", "not a list"),
        (17, "out_of_range", "is 17, outside of 0 to 16"),
        (-1, "out_of_range", "is -1, outside"),
        (2**64 - 1, "out_of_range", "outside"),
        (10**30, "out_of_range", "outside"),
        (3.5, "not_whole", "whole number, not 3.5"),
    ],
)
def test_a_wrong_value_is_named_by_field_and_row(project: Project, value: Any, code: str, says: str) -> None:
    raw = orjson.dumps({"inputs": [IMAGE, changed("HERE")]}).replace(b'"HERE"', _json(value))
    error = refused(raw, project)
    assert (error.status, error.code, error.field, error.row) == (422, code, "inputs[1][3][5]", 1)
    assert says in error.message and "row 1" in error.message
    single = refused(orjson.dumps({"input": changed("HERE")}).replace(b'"HERE"', _json(value)), project)
    assert (single.field, single.row) == ("input[3][5]", 0)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_json_does_not_have(project: Project, number: bytes) -> None:
    error = refused(orjson.dumps({"inputs": [changed("HERE")]}).replace(b'"HERE"', number), project)
    assert (error.status, error.code, error.field) == (422, "not_a_number", "inputs[0][3][5]")


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ([IMAGE[:7]], "inputs[0]"),
        ([IMAGE, [*IMAGE, IMAGE[0]]], "inputs[1]"),
        ([[*IMAGE[:7], [1, 2]]], "inputs[0][7]"),
        (IMAGE[:4], "inputs[0][0]"),
        ([7], "inputs[0]"),
        ([[[[1]]]], "inputs[0]"),
        ([None], "inputs[0]"),
        ([[]], "inputs[0]"),
        ([], "inputs"),
        ("text", "inputs"),
        (None, "inputs"),
        ({"0": IMAGE}, "inputs"),
    ],
)
def test_wrong_shapes(project: Project, rows: Any, field: str) -> None:
    error = refused(body(inputs=rows), project)
    assert (error.status, error.code, error.field) == (422, "bad_shape", field)
    assert "[8, 8]" in error.what_to_do


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b"", "not_json", "body"),
        (b"{", "not_json", "body"),
        (b"\xff\xfe", "not_json", "body"),
        (b"[" * 100_000, "not_json", "body"),
        (b'{"input": [[1,2],]}', "not_json", "body"),
        (b"[]", "not_an_object", "body"),
        (b"null", "not_an_object", "body"),
        (b"NaN", "not_an_object", "body"),
        (b"{}", "input_or_inputs", "inputs"),
        (b'{"input": [], "inputs": []}', "input_or_inputs", "inputs"),
        (b'{"inputs": [], "Route": 1}', "unknown_key", "Route"),
    ],
)
def test_wrong_bodies(project: Project, raw: bytes, code: str, field: str) -> None:
    error = refused(raw, project)
    assert (error.status, error.code, error.field) == (422, code, field)


@pytest.mark.parametrize("value", [1, None, "", "x" * 129, "a\nb", "a\0", "a\x7f", "a\u200b", "a\u2028b", [], {}, True])
def test_request_ids_that_cannot_be(project: Project, value: Any) -> None:
    error = refused(body(request_id=value, input=IMAGE), project)
    assert (error.status, error.code, error.field) == (422, "bad_request_id", "request_id")


@pytest.mark.parametrize("value", ["x" * 128, "요청 번호 1", "😀", "a/b?c&d=e", "null"])
def test_request_ids_that_can_be(project: Project, value: str) -> None:
    assert parse_inference(body(request_id=value, input=IMAGE), project, 4).request_id == value


def test_too_many_rows(project: Project) -> None:
    assert parse_inference(body(inputs=[IMAGE] * 4), project, 4).rows == 4
    error = refused(body(inputs=[IMAGE] * 5), project)
    assert (error.status, error.field) == (413, "inputs") and "at most 4" in error.message


def _json(value: Any) -> bytes:
    return str(value).encode() if isinstance(value, int) and not isinstance(value, bool) else orjson.dumps(value)
