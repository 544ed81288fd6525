"""``python -m include.training models list|show|download PROJECT``: registered models and their versions."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.data.commands.common import as_json, of_project, table
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

WHICH = "a number such as 3 or v3, confirmed, production or latest"
DIGEST = 19  # characters of one that people tell apart


def add_model_commands(commands: Any) -> None:
    """Add ``models`` to the command line."""
    parser = commands.add_parser("models", help="a project's registered model: its versions, their records and files")
    actions = parser.add_subparsers(dest="action", required=True)
    project = of_project()
    actions.add_parser("list", parents=[project], help="one line a version, the newest first").set_defaults(run=_list)
    one = actions.add_parser("show", parents=[project], help="the record of a version, its metrics, and how its state changed")
    one.add_argument("version", nargs="?", default="latest", help=f"{WHICH} (latest)")
    one.set_defaults(run=_show)
    one = actions.add_parser("download", parents=[project], help="write a version's files, record and checksums to a folder")
    one.add_argument("version", help=WHICH)
    one.add_argument("folder", type=Path, help="new or empty")
    one.set_defaults(run=_download)


def _list(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[str]:
    from include.clients.mlflow import mlflow_client, mlflow_errors
    from include.training.models import all_versions, describe, find_version

    client = mlflow_client(settings)
    rows, told = [], []
    with mlflow_errors(settings, f"list the models of {project.name}"):
        for number in sorted((int(one.version) for one in all_versions(client, project)), reverse=True):
            found = find_version(client, project, number)
            about = {**describe(client, found), "aliases": sorted(found.aliases), "created_at": _made(found)}
            told.append(about)
            rows.append([f"v{number}", about["state"], "yes" if about["confirmed"] else "no", *_of(about)])
    if options.json:
        yield as_json(told)
    elif not rows:
        yield f"{project.name} has no registered model: run {project.name}.model_development"
    else:
        yield from table(["version", "state", "confirmed", "aliases", "data", "created", "by", "run"], rows)


def _show(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[str]:
    from include.clients.mlflow import mlflow_client, mlflow_errors
    from include.training.models import describe, find_version
    from include.training.states import state_history

    client = mlflow_client(settings)
    with mlflow_errors(settings, f"show the model {options.version} of {project.name}"):
        found = find_version(client, project, options.version)
        about = {**describe(client, found), "aliases": sorted(found.aliases), "created_at": _made(found)}
    history = state_history(settings, project, about["version"])
    if options.json:
        yield as_json({**about, "state_history": history})
        return
    data = about["data"]
    yield f"{about['name']} v{about['version']}: {about['state']}, {'confirmed' if about['confirmed'] else 'not confirmed'}"
    yield f"made     {about['created_at']} by {about['author']}, run {about['run_id']}"
    yield f"aliases  {', '.join(about['aliases']) or '-'}"
    yield f"data     {data.get('repository', '-')} {data.get('version', '-')}, split {data.get('split_digest', '-')[:DIGEST]}"
    yield f"code     {(about['project_code'] or about['code_digest'] or '-')[:DIGEST]}, commit {about['git_commit'] or '-'}"
    yield ""
    yield from table(["metric", "value"], [[name, f"{value:.6g}"] for name, value in sorted(about["metrics"].items())])
    yield ""
    yield from table(["parameter", "value"], [[name, value] for name, value in sorted(about["params"].items())])
    yield ""
    rows = [
        [one["at"][:16].replace("T", " "), one.get("was", "-"), one["state"], one["by"], one["why"] or "-"] for one in history
    ]
    yield from table(["changed (UTC)", "from", "to", "by", "why"], rows)


def _download(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[str]:
    from include.training.download import download
    from include.training.errors import InputError

    try:
        done = download(settings, project, options.version, options.folder)
    except OSError as cause:
        raise InputError(f"{options.folder} cannot be written: {cause.strerror or cause}; name another folder") from cause
    if options.json:
        yield as_json(done)
        return
    yield f"{done['folder']} holds {done['name']} v{done['version']}: {', '.join(done['files'])}"
    yield "`sha256sum -c SHA256SUMS` in it checks them"


def _of(about: dict[str, Any]) -> list[str]:
    data = about["data"]
    made = f"{data.get('repository', '-')} {data.get('version', '')}".strip()
    return [
        ", ".join(about["aliases"]) or "-",
        made,
        about["created_at"][:16].replace("T", " "),
        about["author"],
        about["run_id"],
    ]


def _made(found: ModelVersion) -> str:
    return datetime.fromtimestamp((found.creation_timestamp or 0) / 1000, UTC).isoformat(timespec="seconds")
