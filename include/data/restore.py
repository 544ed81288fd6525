"""Restoring: a split as a folder, the same bytes wherever and whenever it is done."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.data import items, split
from include.data.errors import ReferenceFault
from include.data.folds import Fold, named, order
from include.data.parts import OpenSplit, open_split, verified
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings

SUMS = "SHA256SUMS"
MORE = ("key", "content", "taken_at", "source")


def restore_split(settings: Settings, project: Project, split_ref: Ref, folder: Path, fold: Fold | None = None) -> dict[str, Any]:
    """Write all items of a split to a folder, after making sure that they are what the split was made of.

    The folder gets ``split.json`` as it is stored; for each part a folder with ``contents.npy`` (the values,
    (n, *content.shape)) and ``items.jsonl`` (id, key, label, group, time, source, round, origin, a line an item in
    the same order); and ``SHA256SUMS``, for ``sha256sum -c``. It appears whole or not at all.

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
        counts = {
            part: _write(opened, project, made / part, [slot for slot, its in slots.items() if its == part]) for part in parts
        }
        files = ["split.json", *(f"{part}/{name}" for part in parts for name in ("contents.npy", "items.jsonl"))]
        sums = "".join(f"{_sha256(made / name)}  {name}\n" for name in sorted(files)).encode()
        (made / SUMS).write_bytes(sums)
        made.chmod(0o755)
        made.replace(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    digest = f"sha256:{hashlib.sha256(sums).hexdigest()}"
    return {"folder": str(folder), "split_digest": split_ref["split_digest"], "counts": counts, "digest": digest}


def _write(opened: OpenSplit, project: Project, folder: Path, slots: list[str]) -> int:
    import numpy as np

    folder.mkdir()
    form, arrays, count = project.data.content, [], 0
    with (folder / "items.jsonl").open("wb") as lines:
        for piece, table in opened.given(slots):
            arrays.append(verified(table, project, f"{folder.name} of {opened.where}"))
            about = {"round": split.round_name(piece), "origin": piece["origin"]}
            names = ["item_id", "key", "label", "taken_at", "source", items.GROUP]
            for row in table.select(names).to_pylist():
                lines.write(items.dump({**row, **about, "taken_at": _time(row["taken_at"])}) + b"\n")
            count += table.num_rows
    contents = np.concatenate(arrays) if arrays else np.empty((0, *form.shape), dtype=form.dtype)
    np.save(folder / "contents.npy", contents, allow_pickle=False)
    return count


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
