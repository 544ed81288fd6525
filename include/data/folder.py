"""Items as files of a folder: what a restored version or split looks like on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from include.data import forms, items
from include.data.errors import IntegrityError
from include.projects import Project
from include.projects.content import ArrayContent, Files, TableContent

if TYPE_CHECKING:
    import pyarrow as pa

LINES = "items.jsonl"
COLUMNS = ("item_id", "key", "content", "label", "taken_at", "source", items.GROUP)
SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"RIFF": ".riff", b"fLaC": ".flac", b"OggS": ".ogg"}


def write_items(folder: Path, tables: Iterable[tuple[dict[str, Any], pa.Table]], project: Project, where: str) -> int:
    """Write items to a new folder, after comparing each content with its id.

    The folder gets ``items.jsonl``: id, key, label, group, time, source and what ``tables`` say about each, a line an
    item. Contents are beside it: arrays together in ``contents.npy`` (n, *content.shape) in the same order, files as
    ``contents/<item id><suffix>`` bit for bit; texts and rows of tables stand in the lines, as ``content``.

    Args:
        folder: is made.
        tables: what to add to each line, and rows with the columns `COLUMNS`.
        project: gives the form of an item.
        where: for errors.

    Returns:
        How many items were written.

    Raises:
        IntegrityError: a content is not the one its id says.
    """
    import numpy as np

    folder.mkdir()
    form, arrays, count = project.data.content, [], 0
    if isinstance(form, Files):
        (folder / "contents").mkdir()
    with (folder / LINES).open("wb") as lines:
        for about, table in tables:
            contents = verified(table, project, where)
            rows = table.select([name for name in COLUMNS if name != "content"]).to_pylist()
            if isinstance(form, ArrayContent):
                arrays.append(forms.decode(contents, form))
            for row, content in zip(rows, contents, strict=True):
                more = _more(row["item_id"], content, folder, project)
                lines.write(items.dump({**row, **about, **more, "taken_at": _time(row["taken_at"])}) + b"\n")
            count += len(rows)
    if isinstance(form, ArrayContent):
        np.save(folder / "contents.npy", forms.join(arrays, form), allow_pickle=False)
    return count


def verified(table: pa.Table, project: Project, where: str) -> list[bytes]:
    """Return the contents of some rows after comparing each with its id.

    Raises:
        IntegrityError: one is not what its id says.
    """
    contents: list[bytes] = table["content"].to_pylist()
    if None in contents or items.item_ids(contents, project.data.content) != table["item_id"].to_pylist():
        raise IntegrityError(where, "a content is not the one its id says", "Do not use this data; find out who changed it")
    return contents


def sums(folder: Path) -> bytes:
    """Return the SHA-256 of every file below a folder, as ``sha256sum -c`` reads it."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return "".join(f"{_sha256(folder / name)}  {name}\n" for name in files).encode()


def _more(one: str, content: bytes, folder: Path, project: Project) -> dict[str, Any]:
    form = project.data.content
    if isinstance(form, ArrayContent):
        return {}
    if isinstance(form, TableContent):
        return {"content": orjson.loads(content)}
    if not isinstance(form, Files):
        return {"content": content.decode()}
    suffix = next((suffix for magic, suffix in SUFFIXES.items() if content.startswith(magic)), "")
    name = f"contents/{one}{suffix}"
    (folder / name).write_bytes(content)
    return {"file": name}


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
