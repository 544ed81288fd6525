"""The labelled round: what people said about items of a version, kept as a round of its own.

``rounds/000003/`` holds ``labels.parquet`` (`include.data.labelling.table`), ``disputed.parquet`` with what people said
about items that they did not agree on, and ``round.json``. Items and their contents stay where they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.clients.lakefs import DataError, DataNotFound, DataRepository
from include.data import items, rounds
from include.data.errors import ReferenceFault
from include.data.labelling import table
from include.data.labelling.agreement import overall
from include.data.labelling.pull import Labelled, pull
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings, Zone

TOOL, FILE = "label-studio", "label-file"  # sources of labels

labels_path = rounds.labels_path
digest_line = table.digest_line


def disputed_path(number: int) -> str:
    """Return the path of the table of what people did not agree on."""
    return f"{rounds.folder(number)}disputed.parquet"


def collect_labels(settings: Settings, project: Project, zone: Zone, run_id: str, author: str, labelling: Ref) -> Ref:
    """Make a labelled round on the run's branch from what people labelled, or from a file.

    The same run gets the round it has made before; one that did not pass its checks is made again.

    Args:
        settings: data server, and Label Studio or the folder of label files.
        project: its task and classes.
        zone: whose repository takes the round.
        run_id: of the pipeline run.
        author: who the round is from.
        labelling: the reference of `push` or `send_back`; or ``{"file": name, "format": format, "version": version
            reference}`` for a file under ``settings.label_files``.

    Returns:
        The round's reference with ``kind`` labels and beside it ``labelling`` (the argument), ``disputed``, ``missing``
        and ``agreement``; ``count`` is 0 where nothing was agreed on, and there is no branch then.

    Raises:
        LabellingError: Label Studio does not answer.
        LabelFileError: the file is not of that format, or labels something that is not in the version.
        DataError: the data server does not answer.
    """
    repo = rounds.repository(settings, project, zone)
    source = FILE if "file" in labelling else TOOL
    if before := _before(repo, source, run_id):
        return before
    branch = rounds.branch_name(run_id, source)
    base = repo.new_branch(branch)
    known = rounds.numbers(repo, base)
    if not known:
        raise ReferenceFault(repo.name, "there is no round to label", "Collect a round and make a version first")
    number = known[-1] + 1
    with TemporaryDirectory(prefix="devmlops-labels-") as folder:
        try:
            totals = table.write(Path(folder), _found(settings, project, labelling, source), project, source)
        except Exception:
            with contextlib.suppress(DataError):  # the next try drops it too
                repo.delete_branch(branch)
            raise
        about = {"disputed": totals.states["disputed"], "missing": totals.states["missing"]}
        agreement = overall(totals.answers, project)
        more = {"labelling": dict(labelling), **about, "agreement": agreement, "invalid": totals.invalid}
        if not totals.count:
            repo.delete_branch(branch)
            return rounds.nothing(repo, "labels", source, run_id, author, **more)
        repo.put(branch, labels_path(number), Path(folder) / "labels.parquet")
        if totals.states["disputed"]:
            repo.put(branch, disputed_path(number), Path(folder) / "disputed.parquet")
    version = labelling["version"]
    told = {name: labelling[name] for name in ("file", "format", "url", "passes") if name in labelling}
    document = {
        "format": 1,
        "number": number,
        "kind": "labels",
        "state": "labelled",
        "project": project.name,
        "source": source,
        "author": author,
        "run_id": run_id,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "count": totals.count,
        "labelled": totals.count,
        "bytes": totals.bytes,
        "digest": totals.digest,
        "labels": dict(sorted(totals.labels.items())),
        "high_water_marks": rounds.describe(repo, base, known[-1])["high_water_marks"],
        "from": {name: version[name] for name in ("repository", "zone", "version", "commit")},
        "labelling": told,
        "agreement": {**agreement, **about, "invalid": totals.invalid},
    }
    commit = _save(repo, branch, document)
    return {**rounds.reference(repo, document, branch, commit, new=True), **more}


def renumber(settings: Settings, project: Project, round_ref: Ref) -> Ref:
    """Put a labelled round behind one that another run has merged in between, with nothing of it asked for again.

    Args:
        settings: the data server.
        project: whose repository.
        round_ref: the labelled round; its branch may be gone, its commit is not.
    """
    repo = rounds.repository(settings, project, round_ref["zone"])
    old, was = round_ref["commit"], round_ref["round"]
    document = rounds.describe(repo, old, was)
    branch = rounds.branch_name(round_ref["run_id"], round_ref["source"])
    with TemporaryDirectory(prefix="devmlops-labels-") as folder:
        found = {}
        for place in (labels_path, disputed_path):
            target = Path(folder) / place(was).rpartition("/")[2]
            try:
                repo.fetch(old, place(was), target)
                found[place] = target
            except DataNotFound:
                continue
        base = repo.new_branch(branch)
        last = rounds.numbers(repo, base)[-1]
        marks = rounds.describe(repo, base, last)["high_water_marks"]
        document = {**document, "number": last + 1, "high_water_marks": marks}
        for place, path in found.items():
            repo.put(branch, place(last + 1), path)
    commit = _save(repo, branch, document)
    return {**round_ref, **rounds.reference(repo, document, branch, commit, new=True)}


def _found(settings: Settings, project: Project, labelling: Ref, source: str) -> Iterable[Labelled]:
    if source == TOOL:
        return pull(settings, project, labelling)
    from include.data.labelling.files import read_file

    return read_file(settings, project, labelling)


def _save(repo: DataRepository, branch: str, document: dict[str, Any]) -> str:
    repo.put(branch, rounds.round_path(document["number"]), items.dump(document))
    message = f"Round {document['number']}: {document['count']} labels from {document['source']}"
    return repo.commit(branch, message, rounds.metadata("round", document))


def _before(repo: DataRepository, source: str, run_id: str) -> Ref | None:
    """Return the round that this run has made already, merged or on its branch."""
    if done := rounds.merged(repo, run_id, "labels", source=source):
        return _reference(repo, done.id, int(done.metadata["round"]), None)
    branch = rounds.branch_name(run_id, source)
    try:
        head = repo.commit_info(branch)
    except DataNotFound:
        return None
    if head.metadata.get("run_id") != run_id or head.metadata.get("ok") == "False":
        return None
    return _reference(repo, rounds.round_commit(repo, branch), int(head.metadata["round"]), branch)


def _reference(repo: DataRepository, commit: str, number: int, branch: str | None) -> Ref:
    document = rounds.describe(repo, commit, number)
    told = dict(document["agreement"])
    about = {name: told.pop(name) for name in ("disputed", "missing", "invalid")}
    labelling = {**document["labelling"], "version": document["from"]}
    return {**rounds.reference(repo, document, branch, commit, new=False), "labelling": labelling, **about, "agreement": told}
