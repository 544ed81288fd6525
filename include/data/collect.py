"""Collecting: what is new in a source becomes a round on a branch of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.clients.lakefs import DataError, DataNotFound, DataRepository
from include.data import items, rounds
from include.data.errors import SourceError, SourceUnavailable
from include.data.items import Item
from include.data.labels import classes_of
from include.data.rounds import Kind, Ref
from include.data.sources import Findings, Sources, source_name
from include.projects import Project
from include.settings import Settings, Zone

Source = Callable[[dict[str, Any], list[int]], tuple[Iterable[Item], Callable[[], dict[str, Any]]]]


def collect_round(settings: Settings, project: Project, zone: Zone, run_id: str, author: str) -> Ref:
    """Collect what is new in the project's source into a round on the run's branch.

    The same run gets the round it has made before, also when it was merged since; one that did not pass its
    checks is collected again.

    Args:
        settings: data server, and the source's address where project.yaml does not hold it.
        project: ``data.source`` and ``data.more_sources`` say where its items come from.
        zone: whose repository takes it.
        run_id: of the pipeline run; names the branch.
        author: who the round is from.

    Returns:
        The round's reference; ``count`` is 0 where nothing is new, and there is no branch then.

    Raises:
        DataError: source or data server do not answer, or the source is not as project.yaml says.
    """
    repo = rounds.repository(settings, project, zone)
    name = source_name(settings, project)

    def read(marks: dict[str, Any], known: list[int]) -> tuple[Iterable[Item], Callable[[], dict[str, Any]]]:
        sources = Sources(settings, project, repo, known, marks)

        def finish() -> dict[str, Any]:
            fields = {"high_water_marks": {**marks, **sources.marks()}, "objects": sources.objects()}
            return {**fields, **sources.document()}

        return _some_good(sources.items(), sources.findings, name), finish

    return gather(repo, project, "collected", name, run_id, author, read)


def _some_good(new: Iterable[Item], findings: Findings, name: str) -> Iterator[Item]:
    """Give items on; where all that was new is no item, say so, as there will be no round whose report could."""
    empty = True
    for item in new:
        empty = False
        yield item
    if empty and findings.bad:
        lacks = f"; {', '.join(findings.missing)} is nowhere" if findings.missing else ""
        problem = f"none of its {findings.bad} new rows is an item{lacks} (for example {findings.examples[0]})"
        raise SourceError(f"source {name}", problem, "Correct data.source in project.yaml, or the source")


def gather(repo: DataRepository, project: Project, kind: Kind, source: str, run_id: str, author: str, read: Source) -> Ref:
    """Make a round on the run's branch from what ``read`` gives, or find the one this run made before.

    Args:
        repo: takes the round; made where it does not exist.
        project: gives the form of an item.
        kind: of the round.
        source: name of the source.
        run_id: of the pipeline run.
        author: who the round is from.
        read: takes the marks and numbers of the rounds on main; gives the new items and a function that, when
            all were taken, gives further fields of ``round.json``, and as ``objects`` what is kept beside it by name.
    """
    repo.ensure()
    if before := _before(repo, kind, source, run_id):
        return before
    branch = rounds.branch_name(run_id, source)
    base = repo.new_branch(branch)
    known = rounds.numbers(repo, base)
    marks = rounds.describe(repo, base, known[-1])["high_water_marks"] if known else {}
    number = known[-1] + 1 if known else 1
    with TemporaryDirectory(prefix="devmlops-data-") as folder:
        table = Path(folder) / "items.parquet"
        new, finish = read(marks, known)
        grouped = any(source.group for source in project.data.sources.values())
        try:
            totals = items.write(table, new, project.data.content, grouped, partial(classes_of, project=project))
        except (SourceError, SourceUnavailable):
            with contextlib.suppress(DataError):  # the next try drops it too
                repo.delete_branch(branch)
            raise
        more = finish()
        beside = more.pop("objects", {})
        if totals.count == 0:
            repo.delete_branch(branch)
            kept = {name: value for name, value in more.items() if name not in ("high_water_marks", "findings", "sources")}
            return rounds.nothing(repo, kind, source, run_id, author, **kept)
        repo.put(branch, rounds.items_path(number), table)
        for name, content in beside.items():
            repo.put(branch, rounds.folder(number) + name, content)
    document = {
        "format": 1,
        "number": number,
        "kind": kind,
        "state": "raw",
        "labelled": totals.labelled,
        "project": project.name,
        "source": source,
        "author": author,
        "run_id": run_id,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "count": totals.count,
        "bytes": totals.bytes,
        "digest": totals.digest,
        "labels": dict(sorted(totals.labels.items())),
        "high_water_marks": marks,
        **more,
    }
    commit = save(repo, branch, document)
    return rounds.reference(repo, document, branch, commit, new=True)


def save(repo: DataRepository, branch: str, document: dict[str, Any]) -> str:
    """Write a round's description to its branch and commit the round; return the commit id."""
    repo.put(branch, rounds.round_path(document["number"]), items.dump(document))
    message = f"Round {document['number']}: {document['count']} items from {document['source']}"
    return repo.commit(branch, message, rounds.metadata("round", document))


def _before(repo: DataRepository, kind: Kind, source: str, run_id: str) -> Ref | None:
    if done := rounds.merged(repo, run_id, kind, source=source):
        document = rounds.describe(repo, done.id, int(done.metadata["round"]))
        return rounds.reference(repo, document, None, done.id, new=False)
    branch = rounds.branch_name(run_id, source)
    try:
        head = repo.commit_info(branch)
    except DataNotFound:
        return None
    if head.metadata.get("run_id") != run_id or head.metadata.get("ok") == "False":
        return None
    made = rounds.round_commit(repo, branch)
    document = rounds.describe(repo, made, int(head.metadata["round"]))
    return rounds.reference(repo, document, branch, made, new=False)
