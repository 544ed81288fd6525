"""``python -m include.management``: the environments that jobs run in, and the code of projects with its states.

On the local platform, ``eval "$(python -m include.local env)"`` gives a shell the ledger's address first.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from include.ledger import LedgerError
from include.management.code import CodeRefused
from include.management.code_commands import add_code_commands
from include.management.environment import Environment, EnvironmentRefused
from include.management.environments import (
    LOCAL,
    delete_environment,
    environment_history,
    environments,
    put_environment,
    read_environment,
)
from include.projects import ProjectError
from include.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0 when it went well, 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        for line in options.run(Settings(), options):
            print(line)
        return 0
    except (EnvironmentRefused, CodeRefused, ProjectError, LedgerError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m include.management", description=__doc__, formatter_class=form)
    areas = parser.add_subparsers(dest="area", required=True)
    commands = areas.add_parser("environments", help="where jobs run").add_subparsers(dest="command", required=True)
    add_code_commands(areas)
    person = argparse.ArgumentParser(add_help=False)
    person.add_argument("--by", default=getpass.getuser(), help="who does it; the name of this login by itself")

    commands.add_parser("list", help="one line an environment").set_defaults(run=_list)
    one = commands.add_parser("show", help="the newest definition as YAML, and all versions")
    one.add_argument("name")
    one.set_defaults(run=_show)
    one = commands.add_parser("put", parents=[person], help="keep the environment of a YAML or JSON file as its next version")
    one.add_argument("file", type=Path)
    one.set_defaults(run=_put)
    one = commands.add_parser("delete", parents=[person], help="take an environment out of use; its versions stay")
    one.add_argument("name")
    one.set_defaults(run=_delete)
    return parser


def _list(settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    yield f"{'name':<20} {'version':>7}  {'runtime':<10} {'cpu':>6} {'memory':>8} {'gpu':>4}  image"
    for one, version in environments(settings):
        cpu = "-" if one.cpu is None else f"{one.cpu:g}"
        gpu = "-" if one.gpu is None else f"{one.gpu:g}"
        yield f"{one.name:<20} {version:>7}  {one.runtime:<10} {cpu:>6} {one.memory or '-':>8} {gpu:>4}  {one.image or '-'}"


def _show(settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    if options.name == LOCAL.name:
        yield _yaml(LOCAL)
        return
    versions = environment_history(settings, options.name)
    if versions[-1].definition is not None:
        yield _yaml(Environment(**versions[-1].definition))
    for one in versions:
        what = "deleted" if one.definition is None else f"runtime {one.definition['runtime']}"
        yield f"# version {one.version}  {one.at:%Y-%m-%d %H:%M} UTC  by {one.by}  {what}"


def _put(settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    kept = put_environment(settings, read_environment(options.file), options.by)
    yield f"environment {kept.name} is at version {kept.version}, by {kept.by}"


def _delete(settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    delete_environment(settings, options.name, options.by)
    yield f"environment {options.name} is out of use; its versions stay"


def _yaml(one: Environment) -> str:
    return yaml.safe_dump(one.model_dump(exclude_defaults=True), sort_keys=False, allow_unicode=True).rstrip()


if __name__ == "__main__":
    sys.exit(main())
