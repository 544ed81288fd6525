"""Sent back: the items whose labels a reviewer did not take, until somebody labels them again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from include.clients.lakefs import DataNotFound, DataRepository
from include.data import items, refine, rounds
from include.projects import Project
from include.settings import Settings, Zone


def review_path(number: int) -> str:
    """Return the path of the answer about a round."""
    return f"{rounds.folder(number)}review.json"


def ids_back(repo: DataRepository, ref: str, number: int) -> frozenset[str]:
    """Return the ids of the items of a round whose labels went back to labelling; empty where nobody reviewed it."""
    try:
        review = json.loads(repo.get(ref, review_path(number)))
    except DataNotFound:
        return frozenset()
    return frozenset(review["items_back"].values()) if review["decision"] == "accepted" else frozenset()


def items_back(settings: Settings, project: Project, zone: Zone) -> dict[str, dict[str, Any]]:
    """Return the items that reviewers sent back and nobody has labelled since, by item id, oldest first.

    Args:
        settings: the data server.
        project: whose.
        zone: whose rounds.

    Returns:
        By item id: ``key``, ``round``, ``by`` and ``reason``.
    """
    from include.data.tables import round_labels

    repo = rounds.repository(settings, project, zone)
    found: dict[str, dict[str, Any]] = {}
    base = repo.head("main")
    for document in rounds.descriptions(repo, base):
        number = document["number"]
        if document["kind"] == "labels":
            for one in round_labels(repo, base, number):
                found.pop(one, None)
        found |= _sent_back(repo, base, number)
    return found


def named_items(repo: DataRepository, ref: str, document: Mapping[str, Any], text: str) -> tuple[dict[str, str], list[str]]:
    """Return the items that a person named, and what names none.

    Args:
        repo: holds the round.
        ref: branch or commit.
        document: its ``round.json``.
        text: keys, one a line or parted by commas; empty means every item. Of a label round, which has no keys, ids.

    Returns:
        Ids by key, and the names that are none.
    """
    known = _known(repo, ref, document)
    if not text.strip():
        return known, []
    asked: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        asked += [line] if line in known else filter(None, map(str.strip, re.split(r"[,;]", line)))
    found = {name: known[name] for name in asked if name in known}
    return found, [name[:80] for name in asked if name not in known]


def table_path(repo: DataRepository, ref: str, number: int) -> str:
    """Return the path of the table that was checked: the refined one, where the round was refined."""
    recipe = json.loads(repo.get(ref, rounds.checks_path(number))).get("recipe")
    return refine.report(repo, ref, number, recipe)["table"] if recipe else rounds.items_path(number)


def _sent_back(repo: DataRepository, ref: str, number: int) -> dict[str, dict[str, Any]]:
    try:
        review = json.loads(repo.get(ref, review_path(number)))
    except DataNotFound:
        return {}
    if review["decision"] != "accepted":
        return {}
    about = {"round": number, "by": review["by"], "reason": review["reason"]}
    return {one: {"key": key, **about} for key, one in review["items_back"].items()}


def _known(repo: DataRepository, ref: str, document: Mapping[str, Any]) -> dict[str, str]:
    number = int(document["number"])
    if document["kind"] == "labels":
        from include.data.tables import round_labels

        return {one: one for one in round_labels(repo, ref, number)}
    table = items.read(repo, ref, table_path(repo, ref, number), ["key", "item_id"])
    return dict(zip(table["key"].to_pylist(), table["item_id"].to_pylist(), strict=True))
