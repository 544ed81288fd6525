"""``python -m include.training runs best|compare PROJECT``: training runs, ranked and side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from include.data.commands.common import as_json, of_project, table
from include.projects import Project
from include.settings import Settings

ABSENT = "-"
SHOWN = 60  # characters of a value


def add_run_commands(commands: Any) -> None:
    """Add ``runs`` to the command line."""
    parser = commands.add_parser("runs", help="training runs of a project: the best, and two or more field by field")
    actions = parser.add_subparsers(dest="action", required=True)
    project = of_project()
    one = actions.add_parser("best", parents=[project], help="the n-th best evaluated run of an experiment")
    one.add_argument("--nth", type=int, default=1, metavar="N", help="1 is the best (1)")
    one.add_argument("--experiment", default="", metavar="NAME", help="its title, such as 큰 모델; the project's own by itself")
    one.add_argument("--metric", help="a registered one; the gate's by itself")
    one.set_defaults(run=_best)
    one = actions.add_parser("compare", parents=[project], help="what differs between runs; --all shows the rest too")
    one.add_argument("runs", nargs="+", metavar="RUN", help="MLflow run ids, two or more")
    one.add_argument("--all", action="store_true", help="the fields that are the same too")
    one.set_defaults(run=_compare)


def _best(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[str]:
    from include.training.comparison import nth_best

    found = nth_best(settings, project, options.experiment, options.nth, options.metric)
    if options.json:
        yield as_json(found)
        return
    yield f"run {found['run_id']}: number {found['rank']} of {found['of']} by {found['metric']} {found['value']:.6g}"
    yield ""
    yield from table(["metric", "value"], [[name, f"{value:.6g}"] for name, value in sorted(found["metrics"].items())])
    yield ""
    yield from table(["parameter", "value"], [[name, value] for name, value in sorted(found["params"].items())])


def _compare(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[str]:
    from include.training.comparison import compare_runs

    told = compare_runs(settings, project, options.runs)[1]
    if options.json:
        yield as_json(told)
        return
    names = [one["run_id"][:8] for one in told["runs"]]
    for section, lines in told["fields"].items():
        rows = [
            ["" if row["same"] else "differs", row["name"], *map(_said, row["values"])]
            for row in lines
            if options.all or not row["same"]
        ]
        if rows:
            yield from table([section, "field", *names], rows)
            yield ""
    yield f"{len(told['different'])} fields differ"
    for run_id in told["packages_unknown"]:
        yield f"run {run_id} does not say which packages were installed"


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return ABSENT if value is None else str(value)[:SHOWN]
