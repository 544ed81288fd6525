"""Restoring: a version or a split as a folder, the same bytes wherever and whenever it is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.data import pieces, split, tables, versions
from include.data.errors import IntegrityError
from include.data.folder import COLUMNS, write_items, write_whole
from include.data.folds import Fold, named, order
from include.data.parts import open_split
from include.data.rounds import Piece, Ref
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

MORE = ("key", "content", "taken_at", "source")


def restore_version(settings: Settings, project: Project, version_ref: Ref, folder: Path) -> dict[str, Any]:
    """Write all items of a version to a folder, after making sure that they are what the version was made of.

    The folder gets ``version.json`` as it is stored, ``items/`` as `include.data.folder.write_items` makes it, and
    ``SHA256SUMS``. It appears whole or not at all; memory does not grow with the version.

    Args:
        settings: the data servers of its pieces.
        project: gives the form of an item.
        version_ref: from `version`, `tag_version` or `make_bundle`.
        folder: new, or empty.

    Returns:
        ``{"folder", "version", "count", "digest"}``; ``digest`` is that of ``SHA256SUMS``, so two restored folders are
        the same where it is the same.

    Raises:
        ReferenceFault: the folder holds something, or the version is of another project.
        IntegrityError: rounds, labels or contents are not what they were.
    """
    versions.own(project, version_ref)
    repo, name = tables.reader(settings, version_ref), version_ref["version"]
    where = f"{repo.name}, version {name}"
    raw = versions.stored(repo, version_ref["commit"], name)
    document = versions.document(repo, version_ref["commit"], name)
    if pieces.digest(document["pieces"]) != document["digest"]:
        raise IntegrityError(where, "its pieces are not those of its digest", "Do not use it; find out who changed it")

    def fill(made: Path) -> int:
        (made / "version.json").write_bytes(raw)
        given = (batch for piece in document["pieces"] for batch in _verified(settings, piece))
        count = write_items(made / "items", given, project, where)
        if count != document["count"]:
            problem = f"it holds {count} items, and {document['count']} were written down"
            raise IntegrityError(where, problem, "Do not use this data; find out who changed it")
        return count

    count, digest = write_whole(folder, fill)
    return {"folder": str(folder.absolute()), "version": name, "count": count, "digest": digest}


def _verified(settings: Settings, piece: Piece) -> Iterator[tuple[dict[str, Any], pa.Table]]:
    about = {"round": split.round_name(piece), "origin": piece["origin"]}
    labels = tables.given(settings, piece, verify=True)
    for table in tables.stream_piece(settings, piece, COLUMNS, labels, verify=True):
        yield about, table


def restore_split(settings: Settings, project: Project, split_ref: Ref, folder: Path, fold: Fold | None = None) -> dict[str, Any]:
    """Write all items of a split to a folder, after making sure that they are what the split was made of.

    The folder gets ``split.json`` as it is stored; for each part a folder as `include.data.folder.write_items` makes
    it; and ``SHA256SUMS``, for ``sha256sum -c``. It appears whole or not at all.

    Args:
        settings: the data server.
        project: gives the form of an item.
        split_ref: from `make_split`, `list_splits` or `find_split`.
        folder: new, or empty.
        fold: from which fold a split with folds is seen (as for `load_part`); None gives a folder to each fold.

    Returns:
        ``{"folder", "split_digest", "counts": {part: items}, "digest"}``; ``digest`` is that of ``SHA256SUMS``, so
        two restored folders are the same where it is the same.

    Raises:
        ReferenceFault: the folder holds something, or there is no such fold.
        IntegrityError: split, ids, labels or contents are not what they were.
    """
    opened = open_split(settings, split_ref, MORE)
    slots = named(opened.recipe, fold, opened.where)
    opened.verify()

    def fill(made: Path) -> dict[str, int]:
        (made / "split.json").write_bytes(opened.raw)
        counts = {}
        for part in order(slots):
            given = opened.given([slot for slot, its in slots.items() if its == part])
            found = (({"round": split.round_name(piece), "origin": piece["origin"]}, table) for piece, table in given)
            counts[part] = write_items(made / part, found, project, f"{part} of {opened.where}")
        return counts

    counts, digest = write_whole(folder, fill)
    return {"folder": str(folder.absolute()), "split_digest": split_ref["split_digest"], "counts": counts, "digest": digest}
