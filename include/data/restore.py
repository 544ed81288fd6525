"""Restoring: a split as a folder, the same bytes wherever and whenever it is done."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from include.data import split
from include.data.errors import ReferenceFault
from include.data.folder import sums, write_items
from include.data.folds import Fold, named, order
from include.data.parts import open_split
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings

SUMS = "SHA256SUMS"
MORE = ("key", "content", "taken_at", "source")


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
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReferenceFault(str(folder), "it is there already and not an empty folder", "Name a new folder to restore to")
    opened = open_split(settings, split_ref, MORE)
    slots = named(opened.recipe, fold, opened.where)
    opened.verify()
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}-", dir=folder.parent))
    try:
        (made / "split.json").write_bytes(opened.raw)
        parts = order(slots)
        counts = {}
        for part in parts:
            given = opened.given([slot for slot, its in slots.items() if its == part])
            tables = (({"round": split.round_name(piece), "origin": piece["origin"]}, table) for piece, table in given)
            counts[part] = write_items(made / part, tables, project, f"{part} of {opened.where}")
        found = sums(made)
        (made / SUMS).write_bytes(found)
        made.chmod(0o755)
        made.replace(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    digest = f"sha256:{hashlib.sha256(found).hexdigest()}"
    return {"folder": str(folder), "split_digest": split_ref["split_digest"], "counts": counts, "digest": digest}
