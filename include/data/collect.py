"""Collecting: what is new in a source becomes a round on a branch of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.clients.lakefs import DataError, DataNotFound, DataRepository
from include.data import items, rounds
from include.data.errors import SourceError, SourceUnavailable
from include.data.items import Item
from include.data.rounds import Kind, Ref
from include.data.sources import Findings, Past, drift, open_source, source_name
from include.projects import Project
from include.settings import Settings, Zone

Source = Callable[[dict[str, Any], list[int]], tuple[Iterable[Item], Callable[[], dict[str, Any]]]]


def collect_round(settings: Settings, project: Project, zone: Zone, run_id: str, author: str) -> Ref:
    """Collect what is new in the project's source into a round on the run's branch.

    The same run gets the round it has made before, also when it was merged since; one that did not pass its
    checks is collected again.

    Args:
        settings: data server, and the source's address where project.yaml does not hold it.
        project: ``data.source`` says where its items come from.
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
        number = known[-1] + 1 if known else 1
        reader = open_source(settings, project, _past(repo, known, name, marks.get(name), number))

        def finish() -> dict[str, Any]:
            findings = reader.findings
            return {
                "high_water_marks": {**marks, name: reader.mark},
                "findings": {**findings.document(), **drift(findings, _columns(repo, known, name))},
                "objects": reader.objects(),
            }

        return _some_good(reader.items(), reader.findings, name), finish

    return gather(repo, project, "collected", name, run_id, author, read)


def _past(repo: DataRepository, known: list[int], name: str, mark: dict[str, Any] | None, number: int) -> Past:
    """Return what a reader may ask about earlier rounds; nothing is read before it does."""

    def objects(what: str, numbers: list[int]) -> Iterator[bytes]:
        return (repo.get("main", rounds.folder(one) + what) for one in numbers)

    def taken(paths: set[str]) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for one in known:
            if rounds.describe(repo, "main", one)["source"] != name:
                continue
            with items.opened(repo, "main", rounds.items_path(one)) as file:
                for batch in file.iter_batches(items.BATCH, columns=["key", "item_id"]):
                    pairs = zip(batch["key"].to_pylist(), batch["item_id"].to_pylist(), strict=True)
                    found.update((key, item) for key, item in pairs if _of(key, paths))
        return found

    return Past(mark, number, objects, taken)


def _of(key: str, paths: set[str]) -> bool:
    """Tell whether an item's key, a path or ``<path>#<key>``, is of one of these files; any part may hold a #."""
    return key in paths or any(sign == "#" and key[:place] in paths for place, sign in enumerate(key))


def _columns(repo: DataRepository, known: list[int], name: str) -> dict[str, list[str]] | None:
    """Return what the source's fields were in its last round."""
    for number in reversed(known):
        document = rounds.describe(repo, "main", number)
        if document["source"] == name:
            return document["findings"]["columns"] if "findings" in document else None
    return None


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
        grouped = getattr(project.data.source, "group", None) is not None
        try:
            totals = items.write(table, new, project.data.content, grouped)
        except (SourceError, SourceUnavailable):
            with contextlib.suppress(DataError):  # the next try drops it too
                repo.delete_branch(branch)
            raise
        more = finish()
        beside = more.pop("objects", {})
        if totals.count == 0:
            repo.delete_branch(branch)
            kept = {name: value for name, value in more.items() if name not in ("high_water_marks", "findings")}
            return rounds.nothing(repo, kind, source, run_id, author, **kept)
        repo.put(branch, rounds.items_path(number), table)
        for name, content in beside.items():
            repo.put(branch, rounds.folder(number) + name, content)
    document = {
        "format": 1,
        "number": number,
        "kind": kind,
        "state": "labelled" if totals.labels.total() == totals.count else "raw",
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
    return repo.commit(branch, message, metadata("round", document))


def metadata(step: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return what every commit about a round says about it."""
    names = ("kind", "project", "source", "author", "run_id", "count", "digest")
    return {"step": step, "round": document["number"], **{name: document[name] for name in names}}


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
