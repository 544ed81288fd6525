"""Installed packages as a run wrote them down, and which of them differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from include.clients.mlflow import read_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

REQUIREMENTS = "environment/requirements.txt"


def installed(text: str) -> dict[str, str]:
    """Return versions by package, of ``name==version`` lines as `include.training.reproducibility.packages` writes them.

    One package has one name, whether it is written with ``-``, ``_`` or ``.``, large or small.
    """
    pairs = (line.strip().partition("==") for line in text.splitlines())
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in pairs if version}


def packages_of(client: MlflowClient, run_id: str) -> dict[str, str] | None:
    """Return the packages that were installed where a run was made, and their versions; None where it does not say."""
    try:
        return installed(read_file(client, run_id, REQUIREMENTS).decode())
    except FileNotFoundError:
        return None


def differing(*lists: Mapping[str, str] | None) -> dict[str, list[str | None]]:
    """Return the packages that are not the same in all lists: the version in each, None where there is none.

    A list that nobody knows, None, differs from no other.
    """
    known = [one for one in lists if one is not None]
    names = sorted({name for one in known for name in one})
    found = {name: [None if one is None else one.get(name) for one in lists] for name in names}
    return {name: row for name, row in found.items() if len({one.get(name) for one in known}) > 1}
