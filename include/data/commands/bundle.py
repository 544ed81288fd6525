"""A bundle: rounds and versions, whole or by filter, as one version.

``bundle --version v3 --version v5 --class 1 --class 3 --n 500 --seed 7 --notes "..."``
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from include import data
from include.data.commands.common import as_json, common, run_id, writing
from include.projects import Project
from include.settings import Settings


def add(areas: Any) -> None:
    """Add the command that makes a bundle."""
    form = argparse.RawDescriptionHelpFormatter
    help_ = "make one version of rounds and versions, by filter"
    one = areas.add_parser("bundle", parents=[common(), writing()], help=help_, description=__doc__, formatter_class=form)
    one.add_argument("--version", action="append", default=[], help="takes it; may be given again")
    one.add_argument("--round", action="append", type=int, default=[], help="takes a merged round; may be given again")
    one.add_argument("--class", dest="classes", action="append", help="only items of this class; may be given again")
    one.add_argument("--of-round", dest="rounds", type=int, action="append", help="only items of this round of the versions")
    one.add_argument("--source", dest="sources", action="append", help="only items from this source; may be given again")
    one.add_argument("--group", dest="groups", action="append", help="only items of this group; may be given again")
    one.add_argument("--labels", choices=["labelled", "unlabelled"], help="only items with, or without, a label")
    one.add_argument("--from", dest="taken_from", metavar="TIME", help="only items taken then or later, ISO 8601")
    one.add_argument("--to", dest="taken_to", metavar="TIME", help="only items taken before")
    one.add_argument("--n", type=int, help="of what is left, so many by chance")
    one.add_argument("--seed", type=int, default=0, help="of that chance (0)")
    one.add_argument("--notes", default="", help="release notes")
    one.set_defaults(run=_bundle)


def _bundle(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    names = ("classes", "rounds", "sources", "groups", "labels", "taken_from", "taken_to")
    wanted = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.n is not None:
        wanted["sample"] = {"n": options.n, "seed": options.seed}
    parts = [*({"version": name} for name in options.version), *({"round": number} for number in options.round)]
    given = [{"of": parts, "filter": wanted}] if parts else []
    made = data.make_bundle(settings, project, run_id(options), options.author, given, options.notes, options.zone)
    if options.json:
        yield as_json(made)
        return
    labelled = f"{made['labelled']} with a label: {made['state']}"
    yield f"{made['version']} of {made['repository']} holds {made['count']} items, {labelled}"
