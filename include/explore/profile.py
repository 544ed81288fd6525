"""The profile of a data version: what it holds, on one page and as numbers, kept as an MLflow run.

Profilers were looked at: ydata-profiling and its successor pin numpy or pandas below ours, sweetviz and skrub look at
tables alone, whole in memory, and need scripts in the page. So pandas, scipy, statsmodels and matplotlib it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import ensure_experiment, find_runs, log_metrics, mlflow_client, mlflow_errors, read_file
from include.explore import columns as about_columns
from include.explore import comparing, counting, missing, preparing, relations, sounds, texts, windows
from include.explore import pictures as about_pictures
from include.explore.book import Book
from include.explore.measuring import Measures, kind_of, measure
from include.explore.reading import PARTS, Drawn, draw
from include.projects import Project
from include.projects.tasks import UNLABELLED
from include.reports import page
from include.reports.links import mlflow_run_url
from include.settings import Settings
from include.training import InputError
from include.training.runs import closing

if TYPE_CHECKING:
    from mlflow import MlflowClient

REPORT, FACTS = "reports/profile.html", "profile.json"
SAMPLE = 20_000


def _say(line: str) -> None:
    print(line, flush=True)


def profile(
    settings: Settings,
    project: Project,
    data: Mapping[str, Any],
    part: str = "whole",
    columns: Sequence[str] = (),
    sample: int = SAMPLE,
    seed: int = 0,
    compare_with: Mapping[str, Any] | None = None,
    author: str = "devmlops",
    key: str | None = None,
    tell: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Look at a data version and keep what there is to know as a run ``profile v3`` of ``<project>/profiles``.

    Counts are of all items, figures of a sample; the same sample for the same seed. A profile with a ``key`` that an
    earlier try finished is not made again.

    Args:
        settings: data server and MLflow.
        project: whose data.
        data: reference of the version (`include.data.version`), of the dev zone.
        part: ``whole``, or ``train``, ``validation`` or ``test`` of its newest split.
        columns: of a table, those to look at; none takes all.
        sample: items to look at closely.
        seed: chooses which.
        compare_with: reference of another version, to tell what moved since.
        author: who asks.
        key: of the caller, such as an Airflow run id.
        tell: takes one line of progress.

    Returns:
        ``run_id``, ``experiment_id``, ``url`` of the page, ``items``, ``sample`` and the ``sections`` of the page.

    Raises:
        InputError: no such part or column, or data of the ops zone, which a page that all can read must not show.
        ReferenceFault: the version has no split, and a part was asked for.
        MlflowError: MLflow went away.
    """
    if part not in PARTS:
        raise InputError(f"there is no part {part!r}; parts are {', '.join(PARTS)}")
    if sample < 1:
        raise InputError(f"a sample of {sample} items shows nothing: give 1 or more")
    if any(ref["zone"] != "dev" for ref in (data, compare_with) if ref):
        raise InputError("a profile shows items to all who see MLflow: ops data is not profiled; make a masked sample of it")
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"profile {project.name}"):
        place = ensure_experiment(client, f"{project.name}/profiles")
        if done := _done(client, place, key):
            tell(f"this profile is made already: run {done}")
            return dict(json.loads(read_file(client, done, FACTS))["result"])
        book, drawn = look(settings, project, data, part, columns, sample, seed, compare_with, tell)
        return _keep(settings, client, place, project, book, drawn, author, key)


def look(
    settings: Settings,
    project: Project,
    data: Mapping[str, Any],
    part: str = "whole",
    columns: Sequence[str] = (),
    sample: int = SAMPLE,
    seed: int = 0,
    compare_with: Mapping[str, Any] | None = None,
    tell: Callable[[str], None] = _say,
) -> tuple[Book, Drawn]:
    """Return the book of a profile, and what it is about; arguments as of `profile`."""
    slots = project.has_model and bool(project.transforms or project.training.augmentation)
    drawn = draw(settings, project, dict(data), part, sample, seed, slots)
    tell(f"{drawn.counts.items:,} items counted, {drawn.rows.num_rows:,} of them drawn")
    parted = texts.tokens_of(settings, project, drawn.version["zone"]) if kind_of(project) == "text" else None
    found = measure(project, drawn, columns, parted)
    book = Book()
    counting.tell(book, project, drawn)
    if drawn.rows.num_rows:
        _by_kind(book, project, drawn, found, seed)
        if project.has_model:
            preparing.features(book, project, drawn)
            preparing.augmented(book, project, drawn)
    if compare_with:
        then = draw(settings, project, dict(compare_with), part, sample, seed)
        tell(f"compared with {then.version['version']}: {then.counts.items:,} items")
        comparing.tell(settings, book, project, drawn, found, then, measure(project, then, columns, parted))
    return book, drawn


def _by_kind(book: Book, project: Project, drawn: Drawn, found: Measures, seed: int) -> None:
    kind = kind_of(project)
    about = {
        "text": texts.tell,
        "picture": about_pictures.tell,
        "sound": sounds.tell,
        "video": sounds.tell,
        "window": windows.tell,
    }
    if kind in about:
        about[kind](book, project, drawn, found)
    about_columns.tell(book, project, found, drawn.whole)
    missing.tell(book, project, found)
    relations.tell(book, project, found, drawn.labels, seed)
    if kind in ("window", "table"):
        windows.over_time(book, project, drawn, found)


def _done(client: MlflowClient, place: str, key: str | None) -> str | None:
    """Return the run of an earlier try that finished; what one left open is closed as killed."""
    for run in find_runs(client, place, {"devmlops.kind": "profile", "devmlops.key": key}) if key else []:
        if run.info.status == "FINISHED":
            return str(run.info.run_id)
        if run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, "KILLED")
    return None


def _keep(
    settings: Settings,
    client: MlflowClient,
    place: str,
    project: Project,
    book: Book,
    drawn: Drawn,
    author: str,
    key: str | None,
) -> dict[str, Any]:
    version, name = drawn.version, drawn.version["version"]
    tags = {"devmlops.kind": "profile", "devmlops.project": project.name, "devmlops.author": author, "mlflow.user": author}
    tags |= {"data_repository": version["repository"], "data_zone": version["zone"], "data_version": name}
    tags |= {"data_commit": version["commit"], "data_digest": str(version["digest"]), "data_part": drawn.part}
    if drawn.split:
        tags["split_digest"] = drawn.split["split_digest"]
    if key:
        tags["devmlops.key"] = key
    title = f"profile {name}" if drawn.part == "whole" else f"profile {name} {drawn.part}"
    run_id = str(client.create_run(place, run_name=title, tags=tags).info.run_id)
    with closing(client, run_id):
        log_metrics(client, run_id, book.metrics)
        about = f"{version['repository']} {name}, commit {version['commit'][:12]}, {drawn.part}"
        html = page(
            f"{project.title}: profile of {name}",
            book.sections,
            about,
            book.verdict(project.task not in UNLABELLED),
            book.glance(),
        )
        url = mlflow_run_url(settings, place, run_id, REPORT)
        result = {"run_id": run_id, "experiment_id": place, "url": url, "items": drawn.counts.items}
        result |= {"sample": drawn.rows.num_rows, "sections": [one.title for one in book.sections]}
        facts = json.dumps({"result": result, **book.facts}, ensure_ascii=False, indent=1, default=str)
        files = {REPORT: html.encode(), FACTS: facts.encode(), **{f"plots/{one}.png": png for one, png in book.plots.items()}}
        with TemporaryDirectory() as folder:
            for path, content in files.items():
                file = Path(folder) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            client.log_artifacts(run_id, folder)
    return result
