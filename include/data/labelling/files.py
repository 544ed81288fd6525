"""Labels that come in as a file instead of from people at a screen, and labels of a version that go out as one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from include.data.labelling import formats
from include.data.labelling.answers import Answer
from include.data.labelling.contents import about
from include.data.labelling.formats import LabelFileError, Sample, Target, Targets
from include.data.labelling.pull import Labelled, decide
from include.data.labelling.work import Work, version_items
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings

PLACED = ("detection", "segmentation", "tagging", "question_answering")


def read_file(settings: Settings, project: Project, labelling: Ref) -> Iterator[Labelled]:
    """Yield what a file says about items of a version; where it names several people, what they agree on.

    Args:
        settings: data server, and ``label_files``, the folder that the file lies in.
        project: its task and classes.
        labelling: ``file`` (a path below that folder), ``format`` and ``version`` (a reference).

    Raises:
        LabelFileError: the file is not of that format, or says something about what is no item of the version.
    """
    path = label_file(settings, labelling["file"])
    reader = formats.module(labelling["format"], project)
    version = labelling["version"]
    targets = Targets(
        (_target(item, project) for item in version_items(settings, version, content=project.task in PLACED)),
        f"{version['repository']} {version['version']}",
    )
    said: dict[str, dict[str, str]] = {}
    with formats.opened(path, labelling["file"]) as files:
        for entry in reader.read(files, project, targets):
            given = said.setdefault(entry.item_id, {})
            if given.setdefault(entry.by, entry.label) != entry.label:
                key = targets.all[entry.item_id].key[:80]
                problem = f"it says two different things about {key!r}" + (f" by {entry.by!r}" if entry.by else "")
                raise LabelFileError(labelling["file"], problem, "Keep one of them, or name who says what (CSV, annotator)")
    if not said:
        raise LabelFileError(labelling["file"], "it labels nothing", "See that it is the right file and format")
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    for item, given in said.items():
        answers = [Answer(by or "file", label, at, 1) for by, label in given.items()]
        yield decide(item, [(True, answers)], project)


def label_file(settings: Settings, name: str) -> Path:
    """Return where a file of labels lies; names that lead out of the folder of label files are refused.

    Raises:
        LabelFileError: there is no such file below the folder.
    """
    root = settings.label_files.resolve()
    try:
        path = (root / name).resolve()
        there = path.is_relative_to(root) and path != root and path.exists()
    except (OSError, ValueError):
        there = False
    if not there:
        shown = formats.base.shown(name)
        advice = f"Put it below {settings.label_files} (DEVMLOPS_LABEL_FILES), and name it from there"
        raise LabelFileError(shown, "there is no such file among the label files", advice)
    return path


def export_labels(settings: Settings, project: Project, version_ref: Ref, format: str, folder: Path) -> dict[str, Any]:
    """Write the labelled items of a version to a folder in a format of the field, whole or not at all.

    Args:
        settings: data server.
        project: its task and classes.
        version_ref: the version; what has no label is left out.
        format: one of `include.data.labelling.formats.formats_of`.
        folder: a new one, or an empty one.

    Returns:
        ``{"format", "folder", "items", "files"}``: how many items and files were written.

    Raises:
        LabelFileError: the format has no labels of the task or cannot say one, nothing is labelled, or the folder is
            not empty.
    """
    writer = formats.module(format, project)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LabelFileError(str(folder), "it is there already and not empty", "Name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = Path(mkdtemp(prefix=".labels-", dir=folder.parent))
    count = 0

    def samples() -> Iterator[Sample]:
        nonlocal count
        for item in version_items(settings, version_ref, content=True):
            if item.label is not None:
                count += 1
                yield Sample(item.item_id, item.key, item.label, item.content, about(item.content, project))

    try:
        files = writer.write(half, samples(), project)
        if not count:
            where = f"{version_ref['repository']} {version_ref['version']}"
            raise LabelFileError(where, "nothing in it has a label", "Label it first, or name a later version")
        half.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        half.rename(folder)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    return {"format": format, "folder": str(folder), "items": count, "files": len(files)}


def _target(item: Work, project: Project) -> Target:
    if project.task not in PLACED:
        return Target(item.item_id, item.key)
    found = about(item.content, project)
    text = found if project.task == "tagging" else (found["context"] if project.task == "question_answering" else None)
    return Target(item.item_id, item.key, found, text)
