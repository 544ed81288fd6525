"""``python -m include.management code list|show|compare PROJECT``: the code of a project and its states."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from include.management.code import code_of, codes, compare_files, find_code
from include.projects import load_project
from include.settings import Settings

if TYPE_CHECKING:
    from include.ledger import CodeVersion

WHICH = "a number of `code list`, the beginning of a digest, here, confirmed (the newest) or applied"


def add_code_commands(areas: Any) -> None:
    """Add the area ``code`` to the command line."""
    commands = areas.add_parser("code", help="code of projects and its states").add_subparsers(dest="command", required=True)
    project = argparse.ArgumentParser(add_help=False)
    project.add_argument("project", help="name of the project")
    commands.add_parser("list", parents=[project], help="one line for each code that was ever used").set_defaults(run=_list)
    one = commands.add_parser("show", parents=[project], help="its parts by kind, and every change with who, when and why")
    one.add_argument("which", nargs="?", default="here", help=WHICH)
    one.set_defaults(run=_show)
    one = commands.add_parser("compare", parents=[project], help="which files and sections of project.yaml differ")
    one.add_argument("old", nargs="?", default="confirmed", help=WHICH)
    one.add_argument("new", nargs="?", default="here", help=WHICH)
    one.set_defaults(run=_compare)


def _list(settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    project = load_project(options.project, settings.projects_dir)
    here, known = code_of(project).digest, codes(settings, project)
    yield f"{'number':>6}  {'state':<12} {'digest':<19}  {'changed':<20}  {'by':<16} commit"
    for one in known:
        commit = _commit(one) + (" (here)" if one.digest == here else "")
        yield f"{one.number:>6}  {one.state:<12} {one.digest[:19]}  {one.at:%Y-%m-%d %H:%M} UTC  {one.by:<16} {commit}"
    if here not in {one.digest for one in known}:
        yield f"     -  {'unknown':<12} {here[:19]}  the code that lies there now; the next training enters it"


def _show(settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    from include.ledger import Ledger

    project = load_project(options.project, settings.projects_dir)
    one = find_code(settings, project, options.which)
    yield f"code {one.number} of {one.project}: {one.state}, {one.digest}, commit {_commit(one)}"
    for path, file in sorted(one.files.items(), key=lambda item: (item[1]["kind"], item[0])):
        yield f"  {file['kind']:<15} {file['sha256'][:12]}  {path}"
    for entry in Ledger(settings.ledger()).code_history(one.project, one.digest):
        was = entry.details["was"] or "nothing"
        yield f"  {entry.at[:16]} UTC  {was} -> {entry.details['state']} by {entry.actor}: {entry.details['why']}"


def _compare(settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    project = load_project(options.project, settings.projects_dir)
    old, new = (_files(settings, project, which) for which in (options.old, options.new))
    differs = compare_files(old, new)
    for what, paths in differs.items():
        yield from (f"{what:<8} {path}" for path in paths)
    if not any(differs.values()):
        yield "the same files and sections of project.yaml"


def _files(settings: Settings, project: Any, which: str) -> dict[str, dict[str, str]]:
    return code_of(project).files if which == "here" else find_code(settings, project, which).files


def _commit(one: CodeVersion) -> str:
    return f"{(one.git_commit or '-')[:12]}{' with changes' if one.dirty else ''}"
