"""Rounds of a zone."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from include.data import rounds
from include.data.commands.common import as_json, common, table
from include.data.withdrawn import read_withdrawn
from include.projects import Project
from include.settings import Settings


def add(areas: Any) -> None:
    """Add the commands about rounds."""
    commands = areas.add_parser("rounds", help="rounds of a zone", description=__doc__).add_subparsers(
        dest="command", required=True
    )
    one = commands.add_parser("list", parents=[common()], help="all rounds on main, oldest first")
    one.add_argument("--kind", help="only those of a kind: collected, operating, bundle, labels, dictionary or sample")
    one.set_defaults(run=_list)


def _list(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    repo = rounds.repository(settings, project, options.zone)
    commit = repo.head("main")
    gone = {one["round"]: one for one in read_withdrawn(repo, commit)["rounds"]}
    names = ("number", "kind", "source", "created_at", "author", "count", "bytes", "digest")
    wanted = (one for one in rounds.descriptions(repo, commit) if options.kind in (None, one["kind"]))
    found = [{**{name: one[name] for name in names}, "withdrawn": gone.get(one["number"])} for one in wanted]
    if options.json:
        yield as_json(found)
        return
    rows = [
        [
            *(str(one[name]) for name in names[:-1]),
            one["digest"][7:19],
            f"withdrawn with {one['withdrawn']['version']}" if one["withdrawn"] else "",
        ]
        for one in found
    ]
    yield from table(["round", "kind", "source", "time", "author", "items", "bytes", "digest", ""], rows)
