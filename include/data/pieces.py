"""Pieces: rounds as parts of versions, refined, with the labels that people gave since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from include.clients.lakefs import DataRepository
from include.data import items, refine
from include.data.rounds import Piece
from include.data.sent_back import ids_back
from include.data.withdrawn import read_withdrawn
from include.projects import Project


def piece(repo: DataRepository, commit: str, described: dict[str, Any], origin: str = "", split: Any = None) -> Piece:
    """Return one round, as described at a commit, as part of a version, in its raw form."""
    return Piece(
        repository=repo.name,
        zone=repo.zone,
        commit=commit,
        round=described["number"],
        count=described["count"],
        digest=described["digest"],
        origin=origin,
        split=split,
    )


def refined_piece(repo: DataRepository, commit: str, described: dict[str, Any], project: Project) -> Piece:
    """Return one round as part of a version, refined by the steps that project.yaml names now.

    Raises:
        RefineError: it was not refined by them.
    """
    found = piece(repo, commit, described)
    if not project.data.refine:
        return found
    done = refine.report(repo, commit, described["number"], refine.recipe_digest(project))
    return Piece(**{**found, "count": done["count"], "digest": done["digest"], "table": done["table"]})


def digest(pieces: Sequence[Piece]) -> str:
    """Return the digest of a version: of the rounds it is made of, wherever they are read from."""
    names = ("repository", "round", "digest", "origin")
    found = [{name: one[name] for name in names} for one in pieces]  # type: ignore[literal-required]
    for one, its in zip(found, pieces, strict=True):
        if its.get("filter"):
            one["items"] = its["filter"]["ids"]
        if its.get("labels"):
            one["labels"] = [{name: label[name] for name in ("repository", "round", "digest")} for label in its["labels"]]
        if its.get("sent_back"):
            one["sent_back"] = [{name: back[name] for name in ("repository", "round", "ids")} for back in its["sent_back"]]
    return items.digest({"pieces": found})


def with_labels(found: Piece, labels: Sequence[dict[str, Any]]) -> Piece:
    """Return a piece to whose items the labels of some label rounds are given too, the last where several do."""
    every = {(one["repository"], one["round"]): one for one in [*(found.get("labels") or []), *labels]}
    return Piece(**{**found, "labels": list(every.values())}) if every else found


def with_sent_back(found: Piece, backs: Sequence[dict[str, Any]]) -> Piece:
    """Return a piece whose items have no label where a reviewer sent it back, until a later label round gives one."""
    every = {(one["repository"], one["round"]): one for one in [*(found.get("sent_back") or []), *backs]}
    return Piece(**{**found, "sent_back": list(every.values())}) if every else found


def sent_back(repo: DataRepository, commit: str, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Return the reviewed rounds of which labels went back to labelling, as pieces name them."""
    place = {"repository": repo.name, "zone": repo.zone, "commit": commit}
    found = ((number, sorted(ids_back(repo, commit, number))) for number in numbers)
    return [{**place, "round": number, "ids": items.digest({"ids": ids})} for number, ids in found if ids]


def label_rounds(repo: DataRepository, commit: str) -> list[dict[str, Any]]:
    """Return the label rounds on main at a commit that were not withdrawn, oldest first, as pieces name them."""
    gone = {one["round"] for one in read_withdrawn(repo, commit)["rounds"]}
    found = []
    for one in repo.log(commit):
        about = one.metadata
        if about.get("step") == "merge" and about.get("kind") == "labels" and int(about["round"]) not in gone:
            described = {"number": int(about["round"]), "digest": about["digest"], "count": int(about["count"])}
            found.append(label_round(repo, commit, described))
    return found[::-1]


def label_round(repo: DataRepository, commit: str, described: dict[str, Any]) -> dict[str, Any]:
    """Return a label round, as described at a commit, as pieces name it."""
    fields = {"round": described["number"], "digest": described["digest"], "count": described["count"]}
    return {"repository": repo.name, "zone": repo.zone, "commit": commit, **fields}
