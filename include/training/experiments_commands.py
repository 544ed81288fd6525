"""``python -m include.training experiments list|show|create|delete PROJECT``."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    from mlflow.entities import Run


def add_experiment_commands(commands: Any) -> None:
    """Add ``experiments`` to the command line."""
    parser = commands.add_parser("experiments", help="experiments of a project and the runs that they hold")
    actions = parser.add_subparsers(dest="action", required=True)
    project = argparse.ArgumentParser(add_help=False)
    project.add_argument("project", help="name of the project")
    named = argparse.ArgumentParser(add_help=False, parents=[project])
    named.add_argument("name", help="of the experiment")
    person = argparse.ArgumentParser(add_help=False)
    person.add_argument("--by", default=getpass.getuser(), help="who does it; the name of this login by itself")

    actions.add_parser("list", parents=[project], help="one line an experiment").set_defaults(run=_list)
    one = actions.add_parser("show", parents=[named], help="its runs, the best first, and what would go with it")
    one.set_defaults(run=_show)
    one = actions.add_parser("create", parents=[named, person], help="create it")
    one.add_argument("--description", default="", help="what it is for")
    one.set_defaults(run=_create)
    one = actions.add_parser("delete", parents=[named, person], help="delete it with its runs and their model versions")
    one.add_argument("--confirm", default="", metavar="NAME", help="the experiment's name once more")
    one.add_argument("--reason", required=True, help="stands in the audit log")
    one.set_defaults(run=_delete)


def _list(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[str]:
    from include.training.experiments import experiments

    yield f"{'runs':>6}  {'created':<16}  {'by':<16} name"
    for one, count in experiments(settings, project):
        said = f": {' '.join(one.description.split())}" if one.description else ""
        yield f"{count:>6}  {one.at[:16].replace('T', ' ')}  {one.by:<16} {one.title}{' (own)' if one.own else ''}{said}"


def _show(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[str]:
    from include.clients.mlflow import mlflow_client, mlflow_errors
    from include.training.experiments import find, runs_of
    from include.training.experiments_deletion import what_is_lost
    from include.training.metrics import gate_metric

    client, metric = mlflow_client(settings), gate_metric(project)
    with mlflow_errors(settings, f"show the experiment {options.name!r}"):
        found = find(client, project, options.name)
        key = f"test_{metric.name}"

        def place(run: Run) -> tuple[bool, float]:
            value = run.data.metrics.get(key)
            return value is None, 0.0 if value is None else value if metric.direction == "min" else -value

        yield f"{found.title}, in MLflow {found.name} (id {found.id})"
        for run in sorted(runs_of(client, found), key=place):
            value = run.data.metrics.get(key)
            said = "-" if value is None else f"{value:.4f}"
            kind = run.data.tags.get("devmlops.kind", "run")
            yield f"  {run.info.run_id}  {kind:<10} {run.info.status:<9} {metric.name} {said}"
    lost = what_is_lost(settings, project, options.name)
    versions = ", ".join(f"v{one}" for one in lost["versions"]) or "no model version"
    yield f"a deletion would take {lost['runs']} runs and {versions}"
    yield from (f"it must stay: {why}" for why in lost["kept_by"])


def _create(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[str]:
    from include.training.experiments import create_experiment

    made = create_experiment(settings, project, options.name, options.description, options.by)
    yield f"experiment {made['title']!r} {'is created' if made['new'] else 'is there already'}, in MLflow {made['name']}"


def _delete(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[str]:
    from include.training.errors import ExperimentError
    from include.training.experiments import checked_title
    from include.training.experiments_deletion import delete_experiment, what_is_lost

    title = checked_title(options.name)
    if not options.confirm.strip() or checked_title(options.confirm) != title:
        lost = what_is_lost(settings, project, title)
        versions = ", ".join(f"v{one}" for one in lost["versions"]) or "no model version"
        advice = f"it would take {lost['runs']} runs and {versions}; give its name again with --confirm"
        raise ExperimentError(title, advice)
    done = delete_experiment(settings, project, title, options.by, options.reason)
    versions = ", ".join(f"v{one}" for one in done["versions"]) or "no model version"
    said = "is deleted" if done["done"] else "was deleted before"
    yield f"experiment {title!r} {said}: {done['runs']} runs, {versions}"
