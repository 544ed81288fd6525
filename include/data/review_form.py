"""What a reviewer sees before answering: counts, checks and the way to the report, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from include.clients.lakefs import DataNotFound, DataRepository
from include.data import refine, rounds
from include.data.review import BACK, checks_digest, place
from include.data.rounds import Ref
from include.projects import Project
from include.reports.links import report_url
from include.settings import Settings

CLASSES, CHARS = 30, 300


def review_form(settings: Settings, project: Project, round_ref: Ref) -> dict[str, Any]:
    """Return what a person is asked about a checked round.

    Args:
        settings: the data server, and Airflow's address for the link.
        project: whose.
        round_ref: the round, as the collecting task returned it.

    Returns:
        ``subject``; ``body``, Markdown; ``digest`` of the check report; ``report``, the address of the HTML report, None
        where there is none.

    Raises:
        ReviewError: the round was not checked.
        DataError: the data server does not answer.
    """
    repo = rounds.repository(settings, project, round_ref["zone"])
    ref, number = place(repo, round_ref)
    digest = checks_digest(repo, ref, number)
    document = rounds.describe(repo, ref, number)
    checks = json.loads(repo.get(ref, rounds.checks_path(number)))
    path = rounds.folder(number) + "report.html"
    commit = repo.head(ref)
    report = report_url(settings, repo.zone, project.name, commit, path) if path in repo.list(commit, path) else None
    lines = [
        f"**Round {number}** of *{_plain(project.title)}*: {document['count']:,} items from {_plain(document['source'])},"
        f" by {_plain(document['author'])}.",
        *_refined(repo, ref, number, checks),
        "",
        *_classes(document),
        *_checks(checks["checks"]),
        "",
    ]
    if report:
        lines += [f"[Report with plots and samples]({report})", ""]
    lines += [
        f"*{BACK}* merges the round without the labels of the items that you name below, by their"
        f" {'ids' if document['kind'] == 'labels' else 'keys'}, one a line;"
        " without a name, of all items.",
        "",
        f"Digest of the checks: `{digest}`",
    ]
    subject = f"Review round {number} of {project.title}: {document['count']:,} items"
    return {"subject": subject, "body": "\n".join(lines), "digest": digest, "report": report}


def _refined(repo: DataRepository, ref: str, number: int, checks: Mapping[str, Any]) -> Iterator[str]:
    if recipe := checks.get("recipe"):
        try:
            found = refine.report(repo, ref, number, recipe)
        except DataNotFound:
            return
        yield f"Refined: {found['count']:,} items, {found['left_out']:,} left out."


def _classes(document: Mapping[str, Any]) -> Iterator[str]:
    counts = sorted(document.get("labels", {}).items(), key=lambda one: -one[1])
    if counts:
        yield "| Class | Items |"
        yield "|---|---:|"
        yield from (f"| {_plain(name)} | {count:,} |" for name, count in counts[:CLASSES])
        if len(counts) > CLASSES:
            yield f"| {len(counts) - CLASSES} more | {sum(count for _, count in counts[CLASSES:]):,} |"
        yield ""


def _checks(checks: list[Mapping[str, Any]]) -> Iterator[str]:
    warned = [check for check in checks if check.get("warnings") or not check["ok"]]
    yield f"{len(checks) - len(warned)} of {len(checks)} checks found nothing."
    if warned:
        yield ""
        yield "| Check | Found | Wanted | About |"
        yield "|---|---|---|---|"
        for check in warned:
            said = "; ".join(map(str, check.get("warnings") or check.get("examples", [])))
            yield f"| {_plain(check['name'])} | {_plain(check['value'])} | {_plain(check['limit'])} | {_plain(said)} |"


def _plain(value: Any) -> str:
    """Return text from outside as Markdown that is text and nothing else."""
    said = " ".join(str(value)[:CHARS].split())
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+-!|~" else letter for letter in said)
