"""The items of a version, and those of them that wait for a label."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from include.data import items, tables, versions
from include.data.errors import ReferenceFault
from include.data.rounds import Ref
from include.projects import Project
from include.projects.labelling import Labelling
from include.settings import Settings


@dataclass(frozen=True)
class Work:
    """One item of a version.

    Attributes:
        item_id: its id.
        key: what its source calls it.
        label: its label, None while it has none.
        content: its bytes; empty where they were not asked for.
    """

    item_id: str
    key: str
    label: str | None
    content: bytes = b""


def rules(project: Project) -> Labelling:
    """Return ``data.labelling`` of a project.

    Raises:
        ReferenceFault: project.yaml has none.
    """
    if project.data.labelling is None:
        advice = "Add data.labelling to it, {} is enough, and say how many people label an item"
        raise ReferenceFault(f"project.yaml of {project.name}", "it says nothing about labelling", advice)
    return project.data.labelling


def version_items(settings: Settings, version_ref: Ref, content: bool = False) -> Iterator[Work]:
    """Yield the items of a version once each, in the order of its rounds, with the labels that it gives them.

    Args:
        settings: the data server.
        version_ref: the version.
        content: whether their bytes come along.
    """
    repo = tables.reader(settings, version_ref)
    seen: set[bytes] = set()
    names = ["item_id", "key", "label", *(["content"] if content else [])]
    for piece in versions.document(repo, version_ref["commit"], version_ref["version"])["pieces"]:
        for table in tables.stream_piece(settings, piece, names, rows=None if content else items.BATCH):
            for row in zip(*(table[name].to_pylist() for name in names), strict=True):
                one = bytes.fromhex(row[0])
                if one not in seen:
                    seen.add(one)
                    yield Work(*row)


def unlabelled(
    settings: Settings, project: Project, version_ref: Ref, only: Collection[str] | None = None, content: bool = True
) -> Iterator[Work]:
    """Yield what one run has labelled: the first items without label, as many as ``data.labelling.batch`` says.

    Args:
        settings: the data server.
        project: how many.
        version_ref: the version.
        only: of these, those with these ids alone.
        content: whether their bytes come along.
    """
    left = rules(project).batch
    for item in version_items(settings, version_ref, content):
        if item.label is None:
            if only is None or item.item_id in only:
                yield item
            left -= 1
            if not left:
                return
