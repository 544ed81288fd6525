"""What all commands share: arguments, and tables as text."""

from __future__ import annotations

import argparse
import json
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from include.projects import Project
from include.settings import Settings

Run = Callable[[Settings, Project, argparse.Namespace], Iterator[Any]]
"""A command: yields lines, and, where it is not 0, the exit code as a number."""


def common() -> argparse.ArgumentParser:
    """Return the arguments that every command has."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--project", default="digits", help="name of the project (digits)")
    parser.add_argument("--zone", choices=["dev", "ops"], default="dev", help="whose repository (dev)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    return parser


def of_project() -> argparse.ArgumentParser:
    """Return the arguments of a command about one project that is named first."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("project", help="name of the project")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    return parser


def writing() -> argparse.ArgumentParser:
    """Return the arguments that every command has that makes something new."""
    import getpass

    parser = argparse.ArgumentParser(add_help=False)
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        user = "devmlops"
    parser.add_argument("--author", default=user, help=f"who does it ({user})")
    parser.add_argument("--run-id", default="", help="the same id again finds what it made before (a new one each time)")
    return parser


def run_id(options: argparse.Namespace) -> str:
    """Return the id under which a command makes something."""
    from datetime import UTC, datetime
    from uuid import uuid4

    return options.run_id or f"cli/{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}-{uuid4().hex[:8]}"


def as_json(value: Any) -> str:
    """Return a value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return lines whose columns stand below one another, signs of Korean counted as two places wide."""
    every = [head, *rows]
    widths = [max(12 if place else 10, *(_width(row[place]) for row in every)) for place in range(len(head))]
    return [
        "  ".join(value + " " * (width - _width(value)) for value, width in zip(row, widths, strict=True)).rstrip()
        for row in every
    ]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text if not unicodedata.combining(sign))
