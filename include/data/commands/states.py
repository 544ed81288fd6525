"""States of data: who brought what from raw to refined, labelled and split, and when."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from typing import Any

from include.data import states
from include.data.commands.common import as_json, common, table
from include.projects import Project
from include.settings import Settings


def add(areas: Any) -> None:
    """Add the commands about states."""
    area = areas.add_parser("states", help="states of data", description=__doc__)
    commands = area.add_subparsers(dest="command", required=True)
    one = commands.add_parser("history", parents=[common()], help="every transition, newest first")
    one.add_argument("--state", choices=states.STATES, help="only transitions into this state")
    one.add_argument("--last", type=int, help="only so many")
    one.set_defaults(run=_history)


def _history(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    every = (one for one in states.history(settings, project, options.zone) if options.state in (None, one["state"]))
    found = list(islice(every, options.last))
    if options.json:
        yield as_json(found)
        return
    rows = [
        [
            one["at"],
            one["state"],
            "-" if one["count"] is None else str(one["count"]),
            one["by"] or "-",
            one["what"],
            one["commit"][:12],
        ]
        for one in found
    ]
    yield from table(["time", "state", "items", "by", "what", "commit"], rows)
