"""The bytes of objects, each kept once under its SHA-256."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from dataclasses import dataclass
from hashlib import md5, sha256
from pathlib import Path

from include.local.data_server.errors import ApiError

INLINE = 32 * 1024
"""Up to this many bytes an object lies in the database: one flush of its log covers any number of them."""


@dataclass(frozen=True)
class Received:
    """Bytes that have arrived: durable as a file, or ``data`` that goes into the database with its record."""

    sha: str
    checksum: str
    size: int
    data: bytes | None


class Blobs:
    """The folder of larger objects, ``blobs/ab/cd/<sha256>``, and the ``blob`` table of small ones.

    Args:
        root: the data server's folder.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "blobs"
        self.incoming = root / "incoming"
        for folder in (self.folder, self.incoming):
            folder.mkdir(parents=True, exist_ok=True)
        for left in self.incoming.iterdir():
            left.unlink()

    def path(self, sha: str) -> Path:
        """Return where the file of that content lies."""
        return self.folder / sha[:2] / sha[2:4] / sha

    def receive(self, limit: int) -> Incoming:
        """Return an object to write arriving bytes to.

        Args:
            limit: most bytes that are taken.
        """
        return Incoming(self, limit)

    def keep(self, connection: sqlite3.Connection, received: Received) -> None:
        """Put what was received inline into the database."""
        if received.data is not None:
            connection.execute("INSERT OR IGNORE INTO blob VALUES (?,?)", (received.sha, received.data))

    def small(self, connection: sqlite3.Connection, sha: str) -> bytes | None:
        """Return the content where it lies in the database."""
        row = connection.execute("SELECT data FROM blob WHERE sha=?", (sha,)).fetchone()
        return None if row is None else row[0]


class Incoming:
    """Takes bytes as they arrive: in memory while few, then in a temporary file."""

    def __init__(self, blobs: Blobs, limit: int) -> None:
        self._blobs, self._limit = blobs, limit
        self._sha, self._md5 = sha256(), md5(usedforsecurity=False)
        self._buffer = bytearray()
        self._file: int | None = None
        self._temporary = ""
        self.size = 0

    @property
    def spilled(self) -> bool:
        """Whether a temporary file is in use."""
        return self._file is not None

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            ApiError: 413 when the limit is passed, 507 when the disk is full.
        """
        self.size += len(chunk)
        if self.size > self._limit:
            raise ApiError(
                413, f"object is larger than {self._limit} bytes: split it, or start the server with --max-object-bytes"
            )
        self._sha.update(chunk)
        self._md5.update(chunk)
        if self._file is None:
            self._buffer += chunk
            if self.size > INLINE:
                self._file, self._temporary = tempfile.mkstemp(dir=self._blobs.incoming)
                self._to_file(self._buffer)
                self._buffer = bytearray()
        else:
            self._to_file(chunk)

    def _to_file(self, data: bytes | bytearray) -> None:
        assert self._file is not None
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise ApiError(507, f"cannot write the object where the data server keeps its data: {error.strerror}") from error

    def finish(self) -> Received:
        """Flush to its place what went to a file, and return what was received."""
        sha, checksum = self._sha.hexdigest(), self._md5.hexdigest()
        if self._file is None:
            return Received(sha, checksum, self.size, bytes(self._buffer))
        target = self._blobs.path(sha)
        if not target.exists():
            try:
                os.fsync(self._file)
                fresh = [p for p in (target.parent, target.parent.parent) if not p.exists()]
                target.parent.mkdir(parents=True, exist_ok=True)
                Path(self._temporary).replace(target)
                for folder in {target.parent, *(p.parent for p in fresh)}:
                    _flush_folder(folder)
            except OSError as error:
                raise ApiError(507, f"cannot keep the object where the data server keeps its data: {error.strerror}") from error
        self.discard()
        return Received(sha, checksum, self.size, None)

    def discard(self) -> None:
        """Forget what was received; may be called at any time and twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            with contextlib.suppress(FileNotFoundError):
                Path(self._temporary).unlink()


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
