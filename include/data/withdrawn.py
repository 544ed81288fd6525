"""Withdrawn rounds: what a rollback took out of later versions, as ``withdrawn.json`` on main says.

Nothing is deleted: a withdrawn round stays where it is, in the versions that hold it, and is not collected again.
"""

from __future__ import annotations

import json
from typing import Any, TypedDict

from include.clients.lakefs import DataNotFound, DataRepository

PATH = "withdrawn.json"


class Withdrawn(TypedDict):
    """What versions after a rollback are made of.

    Attributes:
        rounds: those left out: ``round``, and of the rollback ``version``, ``by``, ``at`` and ``reason``.
        base: the bundle that was rolled back to, ``{"version", "commit"}``; later versions are its items and later
            rounds. None where whole rounds are meant.
    """

    rounds: list[dict[str, Any]]
    base: dict[str, str] | None


def read_withdrawn(repo: DataRepository, ref: str) -> Withdrawn:
    """Return what was withdrawn at a commit or branch."""
    try:
        found = json.loads(repo.get(ref, PATH))
    except DataNotFound:
        return {"rounds": [], "base": None}
    return {"rounds": found["rounds"], "base": found["base"]}


def document(found: Withdrawn) -> dict[str, Any]:
    """Return the document to put at `PATH`."""
    return {"format": 1, **found}
