"""The language of rules in project.yaml: comparisons, arithmetic, and/or/not over the fields of an item.

Only what is listed here is an expression; attributes, calls, subscripts and the like are refused when project.yaml
is read, so that a rule can be given to pandas, which would take more.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.Eq, ast.NotEq, ast.Lt,
    ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.Name, ast.Load,
    ast.Constant, ast.List, ast.Tuple,
)  # fmt: skip
ADVICE = "a rule has fields, numbers, texts in quotes, comparisons, + - * / %, in [...], and, or, not"
QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|`([^`]+)`""")
NEVER = {"True", "False", "None"}


class ExpressionError(ValueError):
    """A rule that is none."""


@dataclass(frozen=True)
class Parsed:
    """A rule that was read.

    Attributes:
        text: with each field as ``f0``, ``f1``, ...
        fields: the field behind each, in that order.
    """

    text: str
    fields: tuple[str, ...]


def parse(text: str) -> Parsed:
    """Read a rule such as ``end >= start and `unit price` > 0``.

    Raises:
        ExpressionError: it is none, or holds what a rule may not; the message says what.
    """
    quoted: list[str] = []

    def name(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        quoted.append(match[2])
        return f" q_{len(quoted) - 1}_ "

    try:
        tree = ast.parse(QUOTED.sub(name, text).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as cause:
        raise ExpressionError(f"{text!r} cannot be read: {getattr(cause, 'msg', cause)}; {ADVICE}") from cause
    fields: list[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, ALLOWED):
            raise ExpressionError(f"{text!r} holds {type(node).__name__}; {ADVICE}")
        if isinstance(node, ast.Constant) and not isinstance(node.value, bool | int | float | str):
            raise ExpressionError(f"{text!r} holds {node.value!r}; {ADVICE}")
        if isinstance(node, ast.Name):
            match = re.fullmatch(r"q_(\d+)_", node.id)
            field = quoted[int(match[1])] if match and int(match[1]) < len(quoted) else node.id
            if field not in fields:
                fields.append(field)
            node.id = f"f{fields.index(field)}"
    if not fields:
        raise ExpressionError(f"{text!r} names no field; {ADVICE}")
    if not isinstance(tree.body, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Name):
        raise ExpressionError(f"{text!r} is neither true nor false; {ADVICE}")
    return Parsed(ast.unparse(tree), tuple(fields))
