"""Rules are read without being run, and hold nothing that could do harm."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from include.projects.expressions import ExpressionError, parse
from include.projects.quality import Quality


def test_fields_are_found() -> None:
    assert parse("end >= start").fields == ("end", "start")
    found = parse("`단 가` > 0 and 끝 in ['a`b`', 2] or `단 가` == 3")
    assert found.fields == ("단 가", "끝") and found.text == "f0 > 0 and f1 in ['a`b`', 2] or f0 == 3"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.b > 1",
        "a[0] > 1",
        "(lambda: 1)() > a",
        "[x for x in a] == 1",
        "a ** 9 > 1",
        "a := 1",
        "f'{a}' == 'x'",
        "@a > 1",
        "a > b'x'",
        "a > 1j",
        "a > None",
        "a if b else c",
        "1 < 2",
        "a + b",
        "a >",
        "a; b",
        "",
        "a > 1\nimport os",
        "((" * 500 + "a" + "))" * 500,
        "a > 1 \x00",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_project_yaml_names_the_place() -> None:
    with pytest.raises(ValidationError, match=r"rules.1.check\n.*holds Call"):
        Quality.model_validate({"rules": [{"name": "ok", "check": "a > 1"}, {"name": "bad", "check": "open(a)"}]})
    with pytest.raises(ValidationError, match="two rules have the name same"):
        Quality.model_validate({"rules": [{"name": "same", "check": "a > 1"}] * 2})
    with pytest.raises(ValidationError, match="no regular expression"):
        Quality.model_validate({"texts": {"a": {"pattern": "("}}})
