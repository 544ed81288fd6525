"""Rolling a dataset back: a new version whose content is that of an earlier one. Nothing is deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from include.clients.lakefs import DataRepository
from include.data import rounds, versions
from include.data.bundles import version_pieces
from include.data.errors import ReferenceFault
from include.data.rounds import Ref
from include.data.withdrawn import PATH, Withdrawn, document, read_withdrawn
from include.projects import Project
from include.settings import Settings, Zone


def roll_back(settings: Settings, project: Project, zone: Zone, to: str, run_id: str, author: str, reason: str) -> Ref:
    """Make an earlier version the newest again, under a new name, by one commit.

    The new version has the pieces of the earlier one, its labels, and the recipe of its newest split, so that it is
    divided as it was. The rounds that versions since then had in addition are withdrawn: versions to come are made of
    the earlier version's rounds and of rounds that no version had yet. Rolling back to a version that has a withdrawn
    round brings it back. Where a bundle is rolled back to, versions to come are its items and new rounds.

    Args:
        settings: the data server.
        project: whose data.
        zone: of which repository.
        to: name of the version, such as ``v3``.
        run_id: of the pipeline run; the same run gets the same version.
        author: who does it.
        reason: why; it stands in the version, and with each withdrawn round.

    Returns:
        The reference of the new version, with ``rolled_back_to`` and ``withdrawn``: the numbers of all rounds that
        versions to come leave out.

    Raises:
        ReferenceFault: no such version, it is the newest, or no reason.
    """
    repo = rounds.repository(settings, project, zone)
    where = f"rollback of {repo.name} to {to}"
    if not reason.strip():
        raise ReferenceFault(where, "no reason is given", "Say why; whoever looks at the data later will ask")
    target = versions.version(settings, project, zone, to)
    told = versions.document(repo, target["commit"], to)
    found = version_pieces(settings, repo, target)

    def contents(base: str) -> versions.Contents:
        name = versions.next_name(repo, base)
        if versions.latest_version(settings, project, zone)["version"] == to:
            raise ReferenceFault(where, f"{to} is the newest version", "There is nothing to roll back")
        mine = [one for one in found if one["repository"] == repo.name]
        kept = {one["round"] for one in mine} | {label["round"] for one in mine for label in one.get("labels") or []}
        about = {"version": name, "by": author, "reason": reason, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        chosen = told["kind"] == "bundle" or any(one.get("filter") or one["repository"] != repo.name for one in found)
        left: Withdrawn = {
            "rounds": _withdrawn(repo, base, kept, about),
            "base": {"version": to, "commit": target["commit"]} if chosen else None,
        }
        return found, told["rounds"], {PATH: document(left)}

    state: dict[str, Any] = {key: told[key] for key in ("state", "labelled", "labels") if key in told}
    made = versions.publish_version(
        settings, repo, project, run_id, author, reason, "version", contents, state or None, rolled_back_to=to
    )
    gone = [one["round"] for one in read_withdrawn(repo, made["commit"])["rounds"]]
    return {**made, "withdrawn": gone}


def _withdrawn(repo: DataRepository, base: str, kept: set[int], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rounds that some version had and the one rolled back to has not."""
    known = {one["round"]: one for one in read_withdrawn(repo, base)["rounds"]}
    last, gone = 0, []
    for commit in repo.log(base):
        if commit.metadata.get("step") == "merge" and commit.metadata.get("kind") == "version":
            last = max([last, *json.loads(commit.metadata["rounds"])])
    for number in rounds.numbers(repo, base):
        if number in kept or number > max([last, *known]):
            continue
        if number in known or rounds.describe(repo, base, number)["kind"] in (*versions.DATA, "labels"):
            gone.append(known.get(number) or {"round": number, **about})
    return gone
