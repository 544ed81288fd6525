from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from include.components import ComponentError, Context, Labels, Metrics, Model, Table, Tensor, component
from include.components.declare import component_of, param_problems


@component(name="good", version=3, kind="train", outputs={"model": Model, "figures": Metrics})
def good(
    rows: Tensor,
    labels: Labels | None = None,
    others: list[Model] | None = None,
    *,
    context: Context,
    rate: Annotated[float, Field(gt=0, le=1)] = 0.5,
    names: list[str] = [],
    way: Literal["a", "나"] = "a",
    depth: Annotated[int, Field(ge=1)] | None = None,
    must: int,
) -> Any:
    """Say what it does.

    And more.
    """


@component(name="kept", kind="preprocess", outputs={"rows": Table})
class Kept:
    """A class."""

    def __init__(self, most: int = 3) -> None:
        self.most = most

    def __call__(self, rows: Table, context: Context) -> Any:
        """Work."""
        return rows


def test_a_declaration_is_read_from_annotations():
    one = component_of(good)
    assert (one.use, one.kind, one.about, one.takes_context) == ("good@3", "train", "Say what it does.", True)
    assert {name: (str(it), it.optional) for name, it in one.inputs.items()} == {
        "rows": ("Tensor", False), "labels": ("Labels", True), "others": ("list of Model", True),
    }  # fmt: skip
    assert {name: str(it) for name, it in one.outputs.items()} == {"model": "Model", "figures": "Metrics"}
    assert one.checked({"must": 2, "way": "나"}) == {
        "rate": 0.5, "names": [], "way": "나", "depth": None, "must": 2,
    }  # fmt: skip
    assert component_of(Kept).use == "test_declare:kept" and list(component_of(Kept).inputs) == ["rows"]
    assert component_of(Kept).checked({}) == {"most": 3} and component_of(len) is None


@pytest.mark.parametrize(
    ("params", "where", "said"),
    [
        ({}, "must", "Field required"),
        ({"must": 1, "rate": 0}, "rate", "greater than 0, not 0"),
        ({"must": 1, "way": "b"}, "way", "'a' or '나'"),
        ({"must": 1, "names": [1]}, "names.0", "valid string"),
        ({"must": "두"}, "must", "valid integer"),
        ({"must": 1, "rat": 1}, "rat", "no such parameter; there are rate, names, way, depth, must"),
    ],
)
def test_a_wrong_parameter_is_told(params, where, said):
    ((place, what),) = param_problems(component_of(good), params)
    assert place == where and said in what


def wrong_annotation(rows: dict) -> Any: ...
def no_annotation(rows) -> Any: ...
def star(*rows: Tensor) -> Any: ...
def default(rows: Tensor = 3) -> Any: ...
def unknown(rows: Nowhere) -> Any: ...  # noqa: F821
def fine(rows: Tensor) -> Any: ...


@pytest.mark.parametrize(
    ("body", "more", "said"),
    [
        (wrong_annotation, {}, "argument rows: .*neither a type of a component nor a scalar"),
        (no_annotation, {}, "argument rows: has no annotation"),
        (star, {}, "cannot be connected by name"),
        (default, {}, "no default but None"),
        (unknown, {}, "annotations cannot be read .*Nowhere"),
        (fine, {"name": "../나쁜"}, "name must be 2 to 41 lower-case"),
        (fine, {"version": 0}, "version must be a whole number from 1"),
        (fine, {"version": True}, "version must be a whole number from 1"),
        (fine, {"kind": "other"}, "kind must be one of preprocess, train"),
        (fine, {"outputs": {}}, "it has no outputs"),
        (fine, {"outputs": {"x y": Tensor}}, "output 'x y': take lower-case"),
        (fine, {"outputs": {"made": int}}, "output made: .*no type of a component"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_place(body, more, said):
    with pytest.raises(ComponentError, match=f"test_declare:.*{said}"):
        component(**{"name": "some", "kind": "train", "outputs": {"made": Tensor}, **more})(body)


def test_all_problems_are_told_at_once():
    with pytest.raises(ComponentError, match=r"kind must be one of.*argument rows"):
        component(name="some", kind="x", outputs={"made": Tensor})(wrong_annotation)
