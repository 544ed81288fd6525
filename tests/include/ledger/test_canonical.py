from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.ledger import canonical_json, digest

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_survives_being_stored_as_json(value: object) -> None:
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


def test_order_of_keys_does_not_matter_and_text_stays_readable() -> None:
    assert canonical_json({"b": 1, "가": [True, None]}) == '{"b":1,"가":[true,null]}'.encode()
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 2, "b": 1})
    assert digest({}) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": {1: 2}}, r"\$\.a: the key 1"),
        ({"a": [1, {2}]}, r"\$\.a\[1\]: set"),
        ([float("nan")], r"\$\[0\]: nan"),
        (["\ud800"], "surrogates"),
    ],
)
def test_what_is_no_json_is_named(value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        canonical_json(value)
