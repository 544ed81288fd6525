"""``python -m include.data.catalogue search|show|note``: find assets of all projects, see where they come from, tag them.

On the local platform, ``eval "$(python -m include.local env)"`` gives a shell the addresses and credentials first.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Iterator

from include.clients.lakefs import DataError
from include.data.catalogue import KINDS, Asset, annotate, find, search
from include.data.lineage import graph
from include.ledger import LedgerError
from include.projects import load_project
from include.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0 when it went well, 1 where an owner did not answer, 2 where it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(Settings(), options)
    except (DataError, LedgerError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m include.data.catalogue", description=__doc__, formatter_class=form)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("search", help="the assets that fit, newest first")
    one.add_argument("text", nargs="*", help="words that must all occur")
    one.add_argument("--kind", choices=KINDS)
    for name in ("owner", "tag", "column", "state", "project"):
        one.add_argument(f"--{name}")
    one.add_argument("--limit", type=int, default=50, help="lines at most (50)")
    one.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    one.set_defaults(run=_search)
    one = commands.add_parser("show", help="one asset, what it was made from, and what was made from it")
    one.add_argument("asset", help="its id, such as digits-dev/versions/v1")
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=_show)
    one = commands.add_parser("note", help="give an asset tags and a description")
    one.add_argument("asset")
    one.add_argument("--tag", action="append", default=[], help="may be given several times")
    one.add_argument("--untag", action="append", default=[])
    one.add_argument("--description")
    one.add_argument("--by", default=getpass.getuser(), help="who says it; the name of this login by itself")
    one.set_defaults(run=_note)
    return parser


def _search(settings: Settings, options: argparse.Namespace) -> int:
    names = ("kind", "owner", "tag", "column", "state", "project")
    found = search(settings, " ".join(options.text), **{name: getattr(options, name) for name in names})
    if options.json:
        print(json.dumps({"assets": [one.to_dict() for one in found], "problems": found.problems}, ensure_ascii=False))
    else:
        for line in _table(found[: options.limit]):
            print(line)
        if len(found) > options.limit:
            print(f"... and {len(found) - options.limit} more: --limit shows them")
    for problem in found.problems:
        print(problem, file=sys.stderr)
    return 1 if found.problems else 0


def _show(settings: Settings, options: argparse.Namespace) -> int:
    asset = find(settings, options.asset)
    project = load_project(asset.project, settings.projects_dir)
    around: dict[str, list[str]] = {"up": [], "down": []}
    problems: list[str] = []
    if asset.kind != "feature view":
        for way in ("up", "down"):
            found = graph(settings, project, asset.id, way)  # type: ignore[arg-type]
            around[way] = [one["id"] for one in found["nodes"] if one["id"] != asset.id]
            problems = found["problems"]
    if options.json:
        print(json.dumps({**asset.to_dict(), **around, "problems": problems}, ensure_ascii=False))
        return 0
    for name, value in asset.to_dict().items():
        shown = ", ".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{name:12} {', '.join(shown) if isinstance(shown, list) else shown}")
    for name, way in (("made from", "up"), ("used by", "down")):
        print(f"{name:12} {', '.join(around[way]) or '-'}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 0


def _note(settings: Settings, options: argparse.Namespace) -> int:
    asset = annotate(settings, options.asset, options.by, options.description, options.tag, options.untag)
    print(f"{asset.id}: tags {', '.join(asset.tags) or '-'}; {asset.description}")
    return 0


def _table(found: list[Asset]) -> Iterator[str]:
    if not found:
        yield "nothing found"
        return
    rows = [["id", "kind", "state", "items", "created", "by", "tags"]]
    rows += [
        [one.id, one.kind, one.state, "-" if one.count is None else str(one.count), one.created, one.by, ", ".join(one.tags)]
        for one in found
    ]
    wide = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, wide, strict=True)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
