"""Items as files of a folder: what a restored version or split looks like on disk."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from include.data import forms, items
from include.data.errors import IntegrityError, ReferenceFault
from include.projects import Project
from include.projects.content import ArrayContent, Files, TableContent

if TYPE_CHECKING:
    import pyarrow as pa

Done = TypeVar("Done")

SUMS, LINES = "SHA256SUMS", "items.jsonl"
COLUMNS = ("item_id", "key", "content", "label", "taken_at", "source", items.GROUP)
SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"RIFF": ".riff", b"fLaC": ".flac", b"OggS": ".ogg"}


def write_whole(folder: Path, fill: Callable[[Path], Done]) -> tuple[Done, str]:
    """Make a folder that appears whole or not at all, with ``SHA256SUMS`` over its files, for ``sha256sum -c``.

    Args:
        folder: new, or empty.
        fill: writes its files to the path that it is given.

    Returns:
        What ``fill`` gave, and the digest of ``SHA256SUMS``: two folders are the same where it is the same.

    Raises:
        ReferenceFault: the folder holds something.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReferenceFault(str(folder), "it is there already and not an empty folder", "Name a new folder to restore to")
    folder.parent.mkdir(parents=True, exist_ok=True)
    name = folder.name.encode("utf-8", "surrogateescape")[:100].decode(errors="ignore")
    made = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    try:
        done = fill(made)
        found = sums(made)
        (made / SUMS).write_bytes(found)
        made.chmod(0o755)
        made.replace(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return done, f"sha256:{hashlib.sha256(found).hexdigest()}"


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
    folder.mkdir()
    form, count = project.data.content, 0
    if isinstance(form, Files):
        (folder / "contents").mkdir()
    with (folder / LINES).open("wb") as lines, _arrays(folder / "contents.npy", project) as add:
        for about, table in tables:
            contents = verified(table, project, where)
            rows = table.select([name for name in COLUMNS if name != "content"]).to_pylist()
            add(contents)
            for row, content in zip(rows, contents, strict=True):
                more = _more(row["item_id"], content, folder, project)
                lines.write(items.dump({**row, **about, **more, "taken_at": _time(row["taken_at"])}) + b"\n")
            count += len(rows)
    return count


@contextmanager
def _arrays(path: Path, project: Project) -> Iterator[Callable[[list[bytes]], None]]:
    """Give a function that adds items to a .npy file, some in memory at a time; the bytes are those of `numpy.save`."""
    form = project.data.content
    if not isinstance(form, ArrayContent):
        yield lambda _: None
        return
    from numpy.lib import format as npy

    count = 0
    none = forms.join([], form)
    with path.open("wb") as file:

        def header() -> None:
            file.seek(0)
            npy.write_array_header_1_0(file, {**npy.header_data_from_array_1_0(none), "shape": (count, *none.shape[1:])})

        def add(contents: list[bytes]) -> None:
            nonlocal count
            count += len(contents)
            file.write(forms.decode(contents, form).tobytes())

        header()
        yield add
        header()  # as long as the first: numpy leaves place for the digits of the first axis


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
