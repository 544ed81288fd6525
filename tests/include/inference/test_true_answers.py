"""Reading late true answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from include.inference.errors import ApiError
from include.inference.true_answers import MAX_TRUTHS, parse_truths
from include.projects import load_project


def test_good_ones() -> None:
    sent = {"truths": [{"request_id": "가", "labels": ["3"]}, {"request_id": "b", "labels": ["1", "9"]}]}
    found = parse_truths(orjson.dumps(sent), load_project("digits"), 4)
    assert found == [{"id": "가", "labels": ["3"]}, {"id": "b", "labels": ["1", "9"]}]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "truths"),
        ({"truths": []}, "truths"),
        ({"truths": {}}, "truths"),
        ({"truths": [], "more": 1}, "more"),
        ({"truths": [{"request_id": "a", "labels": ["1"]}, 5]}, "truths[1]"),
        ({"truths": [{"request_id": "a"}]}, "truths[0]"),
        ({"truths": [{"request_id": "a", "labels": ["1"], "by": "me"}]}, "truths[0]"),
        ({"truths": [{"request_id": "", "labels": ["1"]}]}, "truths[0].request_id"),
        ({"truths": [{"request_id": "a", "labels": []}]}, "truths[0].labels"),
        ({"truths": [{"request_id": "a", "labels": "1"}]}, "truths[0].labels"),
        ({"truths": [{"request_id": "a", "labels": ["1"] * 5}]}, "truths[0].labels"),
        ({"truths": [{"request_id": "a", "labels": ["1", "X"]}]}, "truths[0].labels[1]"),
        ({"truths": [{"request_id": "a", "labels": [1]}]}, "truths[0].labels[0]"),
        ({"truths": [{"request_id": "a", "labels": [["1"]]}]}, "truths[0].labels[0]"),
    ],
)
def test_bad_ones(sent: Any, field: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_truths(orjson.dumps(sent), load_project("digits"), 4)
    assert (caught.value.status, caught.value.field) == (422, field)
    assert caught.value.what_to_do


@pytest.mark.parametrize("name", ["flower_groups", "digit_maps", "pole_balance"])
def test_what_learns_without_labels_takes_none(name: str) -> None:
    project = load_project(name)
    sent = {"truths": [{"request_id": "a", "labels": [*project.classes[:1], "0"][:1]}]}
    with pytest.raises(ApiError, match=f"project {name} takes none") as caught:
        parse_truths(orjson.dumps(sent), project, 4)
    assert (caught.value.status, caught.value.code) == (422, "no_truths") and project.task in caught.value.what_to_do


def test_too_many() -> None:
    sent = {"truths": [{"request_id": "a", "labels": ["1"]}] * (MAX_TRUTHS + 1)}
    with pytest.raises(ApiError) as caught:
        parse_truths(orjson.dumps(sent), load_project("digits"), 4)
    assert caught.value.status == 413
