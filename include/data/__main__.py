"""``python -m include.data``: look at rounds, versions, splits and dictionaries, compare and restore them, roll back.

On the local platform, ``eval "$(python -m include.local env)"`` gives a shell the address and credentials first.
"""

from __future__ import annotations

import argparse
import os
import sys

from include.clients.mlflow import MlflowError
from include.data import DataError
from include.data.commands import bundle, dictionary, rounds, splits, states, usage, versions
from include.ledger import LedgerError
from include.projects import ProjectError, load_project
from include.settings import Settings

SUBJECTS = (rounds, versions, splits, bundle, states, usage, dictionary)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0 when it went well, 1 when two things differ, 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    settings = Settings()
    try:
        project = load_project(options.project, settings.projects_dir)
        code = 0
        for line in options.run(settings, project, options):
            if isinstance(line, int):
                code = line
            else:
                print(line)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as head, has seen enough; nothing more may be flushed to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (DataError, ProjectError, MlflowError, LedgerError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m include.data", description=__doc__, formatter_class=form)
    areas = parser.add_subparsers(dest="area", required=True)
    for subject in SUBJECTS:
        subject.add(areas)
    return parser


if __name__ == "__main__":
    sys.exit(main())
