"""``python -m include.data.features``: find feature views, see how fresh they are, look features up."""

from __future__ import annotations

import argparse
import json
import sys

from include.data import DataError, features
from include.ledger import LedgerError
from include.projects import ProjectError, load_project
from include.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its result is JSON on stdout. Returns 0 when it went well, 2 where it cannot be done."""
    options = _parser().parse_args(arguments)
    settings = Settings()
    try:
        found = _run(settings, options)
    except (DataError, LedgerError, ProjectError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found, ensure_ascii=False, indent=2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.data.features", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    search = commands.add_parser("search", help="views of all projects")
    search.add_argument("query", nargs="*", help="words that must all occur")
    search.add_argument("--tag", action="append", default=[], help="that the view must have; may be given again")
    search.add_argument("--entity", default="", help="what the view is about")
    search.add_argument("--owner", default="", help="who answers for it")
    fresh = commands.add_parser("freshness", help="how old the values of a project's views are")
    fresh.add_argument("project")
    fresh.add_argument("--zone", choices=("dev", "ops"), default="dev")
    online = commands.add_parser("online", help="the newest features of entities")
    online.add_argument("project")
    online.add_argument("view", nargs="+")
    online.add_argument(
        "--entity", action="append", required=True, metavar="KEY=VALUE[,KEY=VALUE]", help="an entity; may be given again"
    )
    return parser


def _run(settings: Settings, options: argparse.Namespace) -> object:
    if options.command == "search":
        return features.search(settings, " ".join(options.query), options.tag, options.entity, options.owner)
    project = load_project(options.project, settings.projects_dir)
    if options.command == "freshness":
        return features.freshness(settings, project, options.zone)
    view = features.find_view(project, options.view[0])
    entities = [features.read_text(view, _entity(text)) for text in options.entity]
    return features.online(settings, project, options.view, entities)


def _entity(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in text.split(","))}


if __name__ == "__main__":
    sys.exit(main())
