"""Rounds: where they lie in a repository, how they are described, and how a run finds what it made before.

A round is ``rounds/000001/`` with ``items.parquet`` (or, for a bundle, no table but references to others),
``round.json`` and ``checks.json``. Its number is taken on a branch and becomes real by the merge to main: two
branches with the same number hold the same paths, so only one of them can be merged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NotRequired, TypedDict

from include.clients.lakefs import CommitInfo, DataNotFound, DataRepository
from include.data.errors import ReferenceFault
from include.projects import Project
from include.settings import Settings, Zone

Kind = Literal["collected", "operating", "bundle", "labels", "dictionary", "sample"]
Ref = dict[str, Any]  # what tasks hand on: small, JSON; described in `include.data`
ITEMS = ("collected", "operating", "sample")  # kinds that hold items
AFTER = ("refine", "checks", "review")  # steps whose commits lie above that of the round on its branch
ROUND = re.compile(r"^rounds/(\d{6,})/$")


class Piece(TypedDict):
    """One round as part of a version: enough to find it, check it and split it.

    ``table`` is its refined table where that is not the raw one; ``labels`` are the label rounds, oldest first, whose
    labels go before those of the table; ``sent_back`` are the reviewed rounds of which labels went back to labelling;
    ``filter`` says which of its items are meant (`include.data.filters`).
    """

    repository: str
    zone: Zone
    commit: str
    round: int
    origin: str
    count: int
    digest: str
    split: dict[str, Any] | None
    table: NotRequired[str]
    labels: NotRequired[list[dict[str, Any]]]
    sent_back: NotRequired[list[dict[str, Any]]]
    filter: NotRequired[dict[str, Any]]


def repository(settings: Settings, project: Project, zone: Zone) -> DataRepository:
    """Return the project's repository of a zone."""
    return DataRepository(settings, project.repositories[zone], zone)


def folder(number: int) -> str:
    """Return the folder of a round, ending with a slash."""
    return f"rounds/{number:06d}/"


def items_path(number: int) -> str:
    """Return the path of a round's table."""
    return f"{folder(number)}items.parquet"


def round_path(number: int) -> str:
    """Return the path of a round's description."""
    return f"{folder(number)}round.json"


def labels_path(number: int) -> str:
    """Return the path of the table of a label round."""
    return f"{folder(number)}labels.parquet"


def checks_path(number: int) -> str:
    """Return the path of a round's check report."""
    return f"{folder(number)}checks.json"


def refined_path(number: int, recipe: str) -> str:
    """Return the path of the report about a round refined by the recipe of a digest."""
    return f"{folder(number)}refined/{recipe.removeprefix('sha256:')[:16]}.json"


def branch_name(run_id: str, purpose: str = "") -> str:
    """Return the branch of one run and purpose: readable, and unique through a hash (lakeFS takes ASCII words only)."""
    if not run_id:
        raise ReferenceFault("run id", "it is empty", "Give the pipeline run's id; it makes a second try find the first")
    slug = re.sub(r"[^A-Za-z0-9]+", "-", run_id).strip("-")[:60]
    mark = hashlib.sha256(f"{purpose}\n{run_id}".encode()).hexdigest()[:10]
    return "-".join(part for part in ("run", slug, mark) if part)


def numbers(repo: DataRepository, ref: str = "main") -> list[int]:
    """Return the numbers of the rounds at ``ref``, in order."""
    found = (ROUND.match(path) for path in repo.list(ref, "rounds/", "/"))
    return sorted(int(match[1]) for match in found if match)


def describe(repo: DataRepository, ref: str, number: int) -> dict[str, Any]:
    """Return a round's description, its ``round.json``.

    Raises:
        ReferenceFault: there is no such round at ``ref``.
    """
    try:
        return dict(json.loads(repo.get(ref, round_path(number))))
    except DataNotFound as cause:
        known = ", ".join(map(str, numbers(repo, ref))) or "none"
        raise ReferenceFault(f"{repo.name} at {ref}", f"there is no round {number}", f"Rounds there: {known}") from cause


def descriptions(repo: DataRepository, ref: str = "main") -> Iterator[dict[str, Any]]:
    """Yield the descriptions of all rounds at ``ref``, oldest first."""
    return (describe(repo, ref, number) for number in numbers(repo, ref))


def merged(repo: DataRepository, run_id: str, kind: str, **metadata: str) -> CommitInfo | None:
    """Return the merge commit of what this run made before, or None."""
    return repo.find("main", step="merge", run_id=run_id, kind=kind, **metadata)


def round_commit(repo: DataRepository, branch: str) -> str:
    """Return the commit that made the round of a branch, below the commits of what was done to it since.

    Raises:
        ReferenceFault: the branch holds no committed round.
    """
    commit = repo.commit_info(branch)
    while commit.metadata.get("step") in AFTER:
        commit = repo.commit_info(commit.parents[0])
    if commit.metadata.get("step") != "round":
        raise ReferenceFault(f"{repo.name}, branch {branch}", "no round was committed there", "Collect the round again")
    return commit.id


def metadata(step: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return what every commit about a round says about it."""
    names = ("kind", "project", "source", "author", "run_id", "count", "digest")
    return {"step": step, "round": document["number"], **{name: document[name] for name in names}}


def reference(repo: DataRepository, document: dict[str, Any], branch: str | None, commit: str, *, new: bool) -> Ref:
    """Return the reference that tasks hand on about a round."""
    names = ("kind", "run_id", "author", "source", "count", "digest", "labels")
    fields = {name: document[name] for name in names}
    skipped = {"skipped": document["skipped"]} if "skipped" in document else {}
    cursors = {"cursors": document["cursors"]} if "cursors" in document else {}
    place = {"repository": repo.name, "zone": repo.zone, "branch": branch, "round": document["number"], "commit": commit}
    return {**place, **fields, **skipped, **cursors, "new": new}


def nothing(repo: DataRepository, kind: Kind, source: str, run_id: str, author: str, **more: Any) -> Ref:
    """Return the reference of a collection that found nothing."""
    place = {"repository": repo.name, "zone": repo.zone, "branch": None, "round": None, "commit": repo.head("main")}
    return {**place, "kind": kind, "run_id": run_id, "author": author, "source": source, "count": 0, "new": False, **more}
