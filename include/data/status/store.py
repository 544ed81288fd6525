"""Where reports are kept: a branch ``reports`` of the repository, never merged, so that main and its tags stay as they are.

Each report is a commit there; a link names the commit, so it shows what was reported then. The branch shares main's
objects and copies none. Making a report again writes the same path anew, and the log of the branch has the earlier ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from include.clients.lakefs import DataConflict, DataDenied, DataError, DataNotFound, DataRepository, DataUnreachable
from include.data import rounds
from include.data.status.overview import lines, status
from include.data.status.report import render
from include.data.status.run import run_status
from include.projects import Project
from include.reports.links import report_url
from include.settings import Settings, Zone

BRANCH = "reports"
TRIES = 5
FAILED = {"failed", "upstream_failed"}


def run_report_path(run_id: str) -> str:
    """Return the path of a pipeline run's status report: readable, and unique through a hash."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", run_id).strip("-")[:80]
    return f"reports/{slug}-{hashlib.sha256(run_id.encode()).hexdigest()[:10]}.html"


def keep_report(
    settings: Settings, project: Project, zone: Zone, contents: Mapping[str, str], message: str, author: str
) -> dict[str, str]:
    """Keep reports, and return where they are.

    Args:
        settings: the data server.
        project: whose repository; made where it does not exist yet.
        zone: of which.
        contents: text by path, such as ``sheets/v1.html``.
        message: of the commit.
        author: who had it made.

    Returns:
        ``{"repository", "zone", "ref", "path"}`` of the first; ``ref`` is the commit.

    Raises:
        DataError: the data server does not answer.
    """
    repo = rounds.repository(settings, project, zone)
    repo.ensure()
    repo.branch(BRANCH)
    wanted = {path: text.encode("utf-8", "replace") for path, text in contents.items()}
    about = {"step": "report", "project": project.name, "author": author, "paths": " ".join(wanted)}
    refused: DataError | None = None
    for _ in range(TRIES):
        for path, content in wanted.items():
            repo.put(BRANCH, path, content)
        try:
            commit = repo.commit(BRANCH, message, about)
        except (DataUnreachable, DataDenied):
            raise
        except DataError as cause:
            # Another run's commit may have taken ours along: then nothing is left to commit, and all is there.
            refused, commit = cause, repo.head(BRANCH)
        if _there(repo, commit, wanted):
            return {"repository": repo.name, "zone": zone, "ref": commit, "path": next(iter(wanted))}
    raise refused or DataConflict(f"{repo.name}, branch {BRANCH}", f"others wrote to it {TRIES} times meanwhile", "Try again")


def run_report(
    settings: Settings, project: Project, zone: Zone, run_id: str, author: str, tasks: Mapping[str, str]
) -> dict[str, Any]:
    """Make and keep the status report of a pipeline run.

    Args:
        settings: the data server.
        project: whose data.
        zone: that the run worked in.
        run_id: of the run, ``<dag id>/<run id>``.
        author: who started it.
        tasks: states of its tasks.

    Returns:
        ``report`` (where it is kept; None where the run changed nothing and nothing failed), ``url``, ``totals``,
        ``versions`` (names of those that the run made) and ``lines`` for a log.

    Raises:
        DataError: the data server does not answer.
    """
    rounds.repository(settings, project, zone).has("main")  # waits for a server that is being restarted
    told = status(settings, project, zone)
    run = {**run_status(settings, project, zone, run_id), "tasks": dict(tasks)}
    if problem := told["problem"] or run["problem"]:
        raise DataUnreachable(told["repository"], problem, "Try again once it answers")
    found: dict[str, Any] = {"report": None, "url": None, "totals": told["totals"], "lines": lines(told)}
    found["versions"] = [one["version"] for one in run["versions"]]
    if not any(run[name] for name in ("rounds", "versions", "splits")) and not set(tasks.values()) & FAILED:
        return found
    path = run_report_path(run_id)
    place = keep_report(settings, project, zone, {path: render(settings, told, run)}, f"Status report of {run_id}", author)
    return {**found, "report": place, "url": report_url(settings, zone, project.name, place["ref"], path)}


def quality_report_url(settings: Settings, project: Project, round_ref: rounds.Ref) -> str | None:
    """Return the address of the quality report that lies beside a round; None where there is none.

    Args:
        settings: the data server, and Airflow's address.
        project: whose round.
        round_ref: on its branch, or merged.

    Raises:
        DataError: the data server does not answer.
    """
    if not round_ref["count"]:
        return None
    repo = rounds.repository(settings, project, round_ref["zone"])
    path = f"{rounds.folder(round_ref['round'])}report.html"
    for ref in filter(None, (round_ref.get("branch"), round_ref["commit"])):
        try:
            commit = repo.head(ref)
            if path in repo.list(commit, path):
                return report_url(settings, round_ref["zone"], project.name, commit, path)
        except DataNotFound:
            continue
    return None


def _there(repo: DataRepository, commit: str, wanted: Mapping[str, bytes]) -> bool:
    try:
        return all(repo.get(commit, path) == content for path, content in wanted.items())
    except DataNotFound:
        return False
