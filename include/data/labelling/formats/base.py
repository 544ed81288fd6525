"""What all formats of labels share: the files they are read from, and the items that they name."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from include.clients.lakefs import DataError
from include.errors import FinalError

MAX_FILE = 512 << 20  # bytes of one file, unpacked
MAX_FILES = 1_000_000
SLACK = 1.0  # pixels that a box may reach out of its image: tools round, or count from one
EXTENSIONS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"BM": "bmp", b"RIFF": "webp"}


class LabelFileError(FinalError, DataError):
    """A file with labels that cannot be taken; nothing of it was."""


@dataclass(frozen=True)
class Target:
    """One item that labels of a file may be about.

    Attributes:
        item_id: its id.
        key: what its source calls it.
        about: what its labels lie in, see `include.data.labelling.contents.about`.
        text: what it says, of texts and of the context of a question; None elsewhere.
    """

    item_id: str
    key: str
    about: Any = None
    text: str | None = None


@dataclass(frozen=True)
class Entry:
    """What a file says about one item: its label, and who gave it (empty where the file does not tell)."""

    item_id: str
    label: str
    by: str = ""


@dataclass(frozen=True)
class Sample:
    """One item with its label, on its way into a file.

    Attributes:
        item_id: its id.
        key: what its source calls it.
        label: its label.
        content: its bytes.
        about: what the label lies in.
    """

    item_id: str
    key: str
    label: str
    content: bytes
    about: Any = None


class Targets:
    """The items of a version, found by what a file may call them: id, key, or the name that ends the key.

    Args:
        items: all of them.
        where: the version, for errors.
    """

    def __init__(self, items: Iterable[Target], where: str) -> None:
        self.where = where
        self.all: dict[str, Target] = {}
        self._names: dict[str, str | None] = {}
        for item in items:
            self.all[item.item_id] = item
            base = posixpath.basename(item.key)
            # Of an item out of a file of records, `<file>#<key>`, the key alone names it too.
            short = item.key.rpartition("#")[2]
            for name in {item.key, base, short, *(PurePosixPath(one).stem for one in (base, short))} - {""}:
                # Names of two items stand for none.
                self._names[name] = None if self._names.get(name, item.item_id) != item.item_id else item.item_id

    def find(self, name: str, where: str) -> Target:
        """Return the item that a file calls so, by id, key, or file name with or without folder and extension.

        Raises:
            LabelFileError: there is none, or there are several.
        """
        base = posixpath.basename(name.replace("\\", "/"))
        for one in dict.fromkeys((name, base, PurePosixPath(base).stem)):
            if one in self.all:
                return self.all[one]
            if found := self._names.get(one):
                return self.all[found]
            if one in self._names:
                advice = "Name it by its item id"
                raise LabelFileError(where, f"{shown(name)} may be more than one item of {self.where}", advice)
        advice = "Take out what is labelled there, or label the version that holds it"
        raise LabelFileError(where, f"{shown(name)} is no item of {self.where}", advice)


class Files:
    """The files of a folder, a zip archive or one file, read by their names below it; nothing outside is ever read.

    Args:
        name: of the folder or archive, for errors.
        sizes: bytes of each file by name.
        read: gives a file's bytes.
    """

    def __init__(self, name: str, sizes: Mapping[str, int], read: Any) -> None:
        self.name, self.sizes, self._read = name, sizes, read

    def names(self, suffix: str = "", folder: str = "") -> list[str]:
        """Return the names that end so, in a folder of that name at any depth, in order."""
        return sorted(
            name for name in self.sizes if name.lower().endswith(suffix) and (not folder or folder in name.split("/")[:-1])
        )

    def where(self, name: str, line: int | None = None) -> str:
        """Return how an error names a place."""
        return f"{self.name}/{shown(name)}" + (f", line {line}" if line else "")

    def bytes(self, name: str) -> bytes:
        """Return a file's bytes."""
        if self.sizes[name] > MAX_FILE:
            raise LabelFileError(self.where(name), f"it has more than {MAX_FILE >> 20} MiB", "Divide it")
        return bytes(self._read(name))

    def text(self, name: str) -> str:
        """Return a file's text; a mark of the byte order at its beginning is left out.

        Raises:
            LabelFileError: it is not UTF-8.
        """
        try:
            return self.bytes(name).decode("utf-8-sig")
        except UnicodeDecodeError as cause:
            raise LabelFileError(self.where(name), f"it is no UTF-8 text (byte {cause.start})", "Save it as UTF-8") from cause

    def one(self, suffix: str) -> str:
        """Return the one file that ends so.

        Raises:
            LabelFileError: there is none, or there are several.
        """
        found = self.names(suffix)
        if len(found) != 1:
            problem = f"it holds {len(found) or 'no'} {suffix} files, wanted one"
            raise LabelFileError(self.name, problem, "Name the file itself, or a folder with it alone")
        return found[0]


@contextmanager
def opened(path: Path, name: str) -> Iterator[Files]:
    """Give the files of a folder, zip archive or single file.

    Raises:
        LabelFileError: it does not exist, is no archive, or holds names that lead out of it.
    """
    if path.is_dir():
        root = path.resolve()
        inside = (one for one in sorted(path.rglob("*")) if one.is_file() and one.resolve().is_relative_to(root))
        sizes = {one.relative_to(path).as_posix(): one.stat().st_size for one in inside}
        yield Files(name, _few(sizes, name), lambda one: (path / one).read_bytes())
    elif path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                sizes = {one.filename: one.file_size for one in archive.infolist() if not one.is_dir()}
                if bad := [one for one in sizes if not _inside(one)]:
                    raise LabelFileError(name, f"{shown(bad[0])} leads out of the archive", "Make the archive anew")
                yield Files(name, _few(sizes, name), lambda one: _unpacked(archive, one))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as cause:
            raise LabelFileError(name, f"it is no readable zip archive: {cause}", "Make the archive anew, unencrypted") from cause
    elif path.is_file():
        yield Files(name, {path.name: path.stat().st_size}, lambda _: path.read_bytes())
    else:
        raise LabelFileError(name, "there is no such file or folder", "Put it into the folder of label files first")


def inside_box(box: list[float], height: int, width: int) -> list[float]:
    """Return a box [x, y, width, height] cut to its image, where it reaches out by a pixel at most; as it is elsewhere."""
    x, y, wide, high = box
    if x < -SLACK or y < -SLACK or x + wide > width + SLACK or y + high > height + SLACK:
        return box
    left, top = max(x, 0.0), max(y, 0.0)
    return [left, top, min(x + wide, float(width)) - left, min(y + high, float(height)) - top]


def extension(content: bytes) -> str:
    """Return the file extension of an image."""
    return next((end for begin, end in EXTENSIONS.items() if content.startswith(begin)), "png")


def shown(name: str, most: int = 120) -> str:
    """Return a name as an error may show it: short, on one line."""
    return ascii(name[:most]) if not name.isprintable() else repr(name[:most]) + ("…" if len(name) > most else "")


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise LabelFileError(shown(name), f"it has more than {MAX_FILE >> 20} MiB", "Divide it")
    return content


def _inside(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.is_absolute() and ".." not in path.parts and ":" not in name.split("/")[0] and "\x00" not in name


def _few(sizes: dict[str, int], name: str) -> dict[str, int]:
    if len(sizes) > MAX_FILES:
        raise LabelFileError(name, f"it holds more than {MAX_FILES} files", "Divide it")
    return sizes
