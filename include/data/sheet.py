"""The data sheet of a version: what a person must know before using it, made from the records.

``python -m include.data.sheet digits v1`` prints it as Markdown, with ``--html`` as a page; ``--keep`` stores it too.

A sheet is made afresh each time, because uses grow while the version stays. It is kept on the branch ``reports`` as
``sheets/v1.html`` and ``sheets/v1.md``, beside the version and not under its tag; the log of the branch has earlier ones.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import UTC, datetime
from typing import Any

from include.clients.lakefs import DataError
from include.data import rounds, sheet_parts, versions
from include.data.lineage import asked, assets, graph
from include.data.records import open_repository, records
from include.data.sheet_facts import Facts
from include.data.sheet_pages import Part, Words, html, markdown
from include.data.status import keep_report
from include.data.status.store import BRANCH
from include.ledger import Ledger, LedgerError
from include.projects import Project, ProjectError, load_project
from include.reports.links import report_url
from include.settings import Settings


def data_sheet(settings: Settings, project: Project, version_ref: rounds.Ref) -> tuple[str, str]:
    """Return the data sheet of a version as HTML and as Markdown; each number is linked to the record that it comes from.

    Args:
        settings: the data servers, MLflow and the ledger. What does not answer is named in the sheet, and the rest stands.
        project: whose data.
        version_ref: ``version`` and ``zone``, as `include.data.tag_version` and `include.data.version` return them.

    Raises:
        ReferenceFault: there is no such version.
        DataError: the data server of the version's zone does not answer.
    """
    facts = _facts(settings, project, version_ref)
    parts = sheet_parts.parts(facts)
    if facts.problems:
        parts.append(Part("What is missing here", [Words(problem, bad=True) for problem in facts.problems]))
    title = f"{project.title} {facts.version['version']}: data sheet"
    about = f"{facts.repository} ({facts.zone} zone), made from the records at {datetime.now(UTC).isoformat(timespec='seconds')}"
    return html(title, about, parts), markdown(title, about, parts)


def keep_sheet(settings: Settings, project: Project, version_ref: rounds.Ref, author: str) -> dict[str, Any]:
    """Make the data sheet of a version and keep it beside the version.

    Args:
        settings: as for `data_sheet`.
        project: whose data.
        version_ref: the version.
        author: who has it made.

    Returns:
        ``report`` (repository, zone, ref, path: this one) and ``url`` (whichever is the newest).
    """
    page, text = data_sheet(settings, project, version_ref)
    zone, name = version_ref["zone"], version_ref["version"]
    path = f"sheets/{name}.html"
    contents = {path: page, f"sheets/{name}.md": text}
    place = keep_report(settings, project, zone, contents, f"Data sheet of {name}", author)
    return {"report": place, "url": report_url(settings, zone, project.name, BRANCH, path)}


def _facts(settings: Settings, project: Project, version_ref: rounds.Ref) -> Facts:
    zone, name = version_ref["zone"], version_ref["version"]
    versions.version(settings, project, zone, name)  # says which there are where it is not there
    found = records(settings, project, zone)
    version = next(one for one in found.versions if one["version"] == name)
    document = versions.document(open_repository(settings, project, zone), version["commit"], name)
    engines = asked(settings, project)
    lineage = graph(settings, project, assets.version_id(found.repository, name), engines=engines)
    note, problems = None, list(lineage["problems"])
    try:
        note = Ledger(settings.ledger()).asset_notes().get(lineage["asset"])
    except LedgerError as cause:
        problems.append(f"Tags and descriptions of people are missing here: {cause}")
    return Facts(settings, project, zone, found, version, document, engines, lineage, note, problems)


def main(arguments: list[str] | None = None) -> int:
    """Print a data sheet; returns 0 when it went well, 2 when it cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m include.data.sheet", description="The data sheet of a version.")
    parser.add_argument("project")
    parser.add_argument("version", help="such as v1")
    parser.add_argument("--zone", choices=["dev", "ops"], default="dev", help="whose repository (dev)")
    parser.add_argument("--html", action="store_true", help="as a page, not as Markdown")
    parser.add_argument("--keep", action="store_true", help="keep it beside the version, and print its address alone")
    options = parser.parse_args(arguments)
    settings = Settings()
    try:
        project = load_project(options.project, settings.projects_dir)
        ref = {"version": options.version, "zone": options.zone}
        if options.keep:
            print(keep_sheet(settings, project, ref, getpass.getuser())["url"])
        else:
            print(data_sheet(settings, project, ref)[0 if options.html else 1])
    except (DataError, ProjectError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
