"""What one pipeline run did to the data, also where it failed and its work stayed on a branch."""

from __future__ import annotations

from typing import Any

from include.clients.lakefs import DataError, DataNotFound, DataRepository
from include.data import rounds
from include.data.records import open_repository, read_round, records
from include.data.status.counts import described
from include.projects import Project
from include.settings import Settings, Zone

MARK = 11  # characters of the mark at the end of a branch name, with its dash


def run_status(settings: Settings, project: Project, zone: Zone, run_id: str) -> dict[str, Any]:
    """Return what a pipeline run made.

    Args:
        settings: the data server.
        project: whose data.
        zone: of which repository.
        run_id: as the tasks gave it: ``<dag id>/<run id>``.

    Returns:
        ``run_id``, ``problem`` (None, or why nothing can be said), ``rounds`` (as in a status, with ``branch`` where it was
        not merged), ``versions`` and ``splits`` that it made.
    """
    told: dict[str, Any] = {"run_id": run_id, "problem": None, "rounds": [], "versions": [], "splits": []}
    try:
        found = records(settings, project, zone)
        repo = open_repository(settings, project, zone)
        told["rounds"] = [{**described(one), "branch": None} for one in found.rounds if one["run_id"] == run_id]
        told["rounds"] += _on_branches(repo, run_id) if found.commit else []
        told["versions"] = [one for one in found.versions if one["run_id"] == run_id]
        told["splits"] = [one for one in found.splits if one["run_id"] == run_id]
    except DataError as cause:
        told["problem"] = str(cause)
    return told


def _on_branches(repo: DataRepository, run_id: str) -> list[dict[str, Any]]:
    waiting = []
    for branch in list(repo.branches(rounds.branch_name(run_id)[:-MARK])):
        try:
            about = repo.commit_info(branch).metadata
            if about.get("run_id") != run_id or not about.get("round", "").isdigit():
                continue
            one = read_round(repo, branch, int(about["round"]))
        except DataNotFound:  # merged or dropped since it was listed
            continue
        if one is not None:
            waiting.append({**described(one), "branch": branch})
    return waiting
