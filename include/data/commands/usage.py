"""Usage: which runs and models a version went into, and what a model was made of."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from include.data.commands.common import as_json, common, table
from include.data.usage import data_of_model, runs_of_version
from include.projects import Project
from include.settings import Settings


def add(areas: Any) -> None:
    """Add the commands about usage."""
    area = areas.add_parser("usage", help="runs and models of a version, data of a model", description=__doc__)
    commands = area.add_subparsers(dest="command", required=True)
    one = commands.add_parser("version", parents=[common()], help="runs, models and releases that used a version")
    one.add_argument("version", help="v3")
    one.set_defaults(run=_version)
    one = commands.add_parser("model", parents=[common()], help="rounds, labels and split of a model")
    one.add_argument("model", help="3, confirmed, production or latest")
    one.set_defaults(run=_model)


def _version(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    found = runs_of_version(settings, project, options.zone, options.version)
    if options.json:
        yield as_json(found)
        return
    names = ("started_at", "kind", "run_id", "author", "through", "model_version", "state")
    rows = [[*(str(one[name] or "-") for name in names), ", ".join(one["releases"]) or "-"] for one in found]
    yield from table(["time", "kind", "run", "author", "through", "model", "state", "releases"], rows)


def _model(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    found = data_of_model(settings, project, options.model)
    if options.json:
        yield as_json(found)
        return
    its, how = found["version"], found["split"]
    yield f"model    {found['model']} {found['model_version']}, {found['state']}, run {found['run_id']} by {found['author']}"
    yield f"version  {its['version']} of {its['repository']}, commit {its['commit']}"
    yield f"split    {how['split_digest']}: {as_json(how['recipe'])}"
    yield f"parts    {', '.join(f'{name} {count}' for name, count in how['parts'].items())}"
    yield f"releases {', '.join(found['releases']) or '-'}"
    yield ""
    names = ("round", "kind", "source", "created_at", "author", "used", "count")
    yield from table(
        ["round", "kind", "source", "time", "author", "used", "items"], [[str(o[n]) for n in names] for o in found["rounds"]]
    )
    yield ""
    rows = [[one["round"], who, str(count)] for one in found["labelled_by"] for who, count in one["by"].items()]
    yield from table(["labels of", "by", "labels"], rows)
    yield ""
    place = f"--project {project.name} --zone {its['zone']}"
    yield f"python -m include.data splits restore {how['split_digest'][7:19]} FOLDER {place}  # gives exactly this data"
