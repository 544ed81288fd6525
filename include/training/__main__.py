"""``python -m include.training``: what training knows, on the command line.

On the local platform, ``eval "$(python -m include.local env)"`` gives a shell the addresses first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from include.clients.mlflow import MlflowError
from include.errors import FinalError
from include.ledger import LedgerError
from include.projects import load_project
from include.projects.metrics import BUILT_IN
from include.settings import Settings
from include.training.experiments_commands import add_experiment_commands
from include.training.models_commands import add_model_commands
from include.training.runs_commands import add_run_commands

FORM = argparse.RawDescriptionHelpFormatter


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: in place of the command line.

    Returns:
        0; 2 where it cannot be done.
    """
    parser = argparse.ArgumentParser(prog="python -m include.training", description=__doc__, formatter_class=FORM)
    commands = parser.add_subparsers(dest="command", required=True)
    metrics = commands.add_parser("metrics", help="list the registered metrics")
    metrics.add_argument("project", nargs="?", help="those of one project, with its own; all built-in ones where not given")
    for add in (add_experiment_commands, add_model_commands, add_run_commands):
        add(commands)
    asked = parser.parse_args(argv)
    try:
        for line in _metrics(asked.project) if asked.command == "metrics" else _run(asked):
            print(line)
    except (FinalError, MlflowError, LedgerError) as cause:
        print(cause, file=sys.stderr)
        return 2
    return 0


def _run(asked: argparse.Namespace) -> Iterator[str]:
    settings = Settings()
    yield from asked.run(settings, load_project(asked.project, settings.projects_dir), asked)


def _metrics(name: str | None) -> list[str]:
    if name is None:
        return [f"{metric:20} {one.direction:4} {one.task:15} {one.what}" for metric, one in BUILT_IN.items()]
    from include.training.metrics import gate_metric, registered

    project = load_project(name, Settings().projects_dir)
    found = registered(project)
    gate = gate_metric(project).name if found else None
    rows = []
    for metric, one in found.items():
        marks = [*(["gate"] if metric == gate else []), *(["own"] if one.own else [])]
        marks += [f"threshold {one.threshold:g}"] if one.threshold is not None else []
        said = f" ({', '.join(marks)})" if marks else ""
        rows.append(f"{metric:20} {one.direction:4} {one.what}{said}")
    return rows


if __name__ == "__main__":
    sys.exit(main())
