"""Keys of entities: what is one, and the text that it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from include.data.features import KeyProblem, keys
from include.projects.feature_views import Feature, FeatureView


def view(**kinds: Any) -> FeatureView:
    return FeatureView(entity="e", keys=kinds, timestamp="at", features={"x": Feature(type="number")}, transform="m:f")


TWO = view(name="text", branch="integer")


def test_the_order_of_names_in_project_yaml_changes_no_key() -> None:
    found = keys.values(TWO, {"branch": 3, "name": "김 🙂"})
    assert list(found.items()) == [("name", "김 🙂"), ("branch", 3)]
    assert keys.dump(found) == keys.dump({"branch": 3, "name": "김 🙂"}) == '[3,"김 🙂"]'


def test_one_key_alone_may_be_its_value() -> None:
    assert keys.values(view(name="text"), "김") == {"name": "김"}
    assert keys.values(view(number="integer"), -(2**63)) == {"number": -(2**63)}


def test_texts_of_an_address_become_numbers_where_the_key_is_one() -> None:
    assert keys.read_text(TWO, {"name": "1", "branch": "-7"}) == {"name": "1", "branch": -7}
    for odd in ("1.5", "", "-", "٣", "1" * 5000, " 1"):
        assert keys.read_text(TWO, {"branch": odd}) == {"branch": odd}


def test_different_keys_are_different_texts() -> None:
    found = {
        keys.dump(dict(enumerate(values)))
        for values in (  # type: ignore[arg-type]
            ["a", "b"],
            ["a,b"],
            ['a","b'],
            ["1"],
            [1],
            ["é"],
            ["e\u0301"],
        )
    }
    assert len(found) == 7


@pytest.mark.parametrize(
    ("entity", "field", "problem"),
    [
        ({"name": "a"}, "branch", "its key branch is missing"),
        ({"name": "a", "branch": 1, "other": 2}, "other", "it has no key 'other'"),
        ({"name": "a", "branch": "1"}, "branch", "branch must be a whole number, not a text"),
        ({"name": "a", "branch": 1.0}, "branch", "branch must be a whole number, not a number"),
        ({"name": "a", "branch": True}, "branch", "not true or false"),
        ({"name": "a", "branch": 2**63}, "branch", "needs more than 64 bits"),
        ({"name": 5, "branch": 1}, "name", "name must be a text, not a number"),
        ({"name": None, "branch": 1}, "name", "not null"),
        ({"name": ["a"], "branch": 1}, "name", "not a list"),
        ({"name": {}, "branch": 1}, "name", "not an object"),
        ({"name": "", "branch": 1}, "name", "is empty"),
        ({"name": "a\x00", "branch": 1}, "name", "NUL"),
        ({"name": "\ud800", "branch": 1}, "name", "no valid Unicode"),
        ({"name": "가" * 10_000_000, "branch": 1}, "name", "has 10000000 characters"),
        ({"name": "가" * 400, "branch": 1}, "name", "its key has 1206 bytes, at most 1000"),
        ("a", None, "it is a text, not an object"),
        (["a", 1], None, "it is a list, not an object"),
        (None, None, "it is null"),
    ],
)
def test_what_is_no_key(entity: Any, field: str | None, problem: str) -> None:
    with pytest.raises(KeyProblem, match=problem) as caught:
        keys.values(TWO, entity, 4)
    assert (caught.value.row, caught.value.field) == (4, field)
    assert "named by name (a text), branch (a whole number)" in caught.value.advice and len(str(caught.value)) < 300
