"""Append-only files of JSON lines: durable writing by one process, reading from any position by all.

A log is a folder with numbered segments, ``<kind>-000001.jsonl`` and on. Every start of a writer begins a new
segment, so a position that a reader once got stays right for ever, also after a crash or a power cut.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 20
LOCK_WAIT_S = 3.0

Position = tuple[int, int]


class PredictionLogError(RuntimeError):
    """The log cannot be written or read; the message says where, why and what to do.

    Attributes:
        path: the file or folder at fault.
    """

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}")


def segment_path(folder: Path, kind: str, number: int) -> Path:
    """Return the file of one segment."""
    return folder / f"{kind}-{number:06d}.jsonl"


def segments(folder: Path, kind: str) -> list[int]:
    """Return the numbers of all segments of ``kind`` in order; empty where nothing was written yet."""
    name = re.compile(rf"{re.escape(kind)}-(\d{{6,}})\.jsonl")
    with contextlib.suppress(FileNotFoundError):
        return sorted(int(match[1]) for p in os.listdir(folder) if (match := name.fullmatch(p)))  # noqa: PTH208
    return []


def complete_end(path: Path) -> int:
    """Return the offset just behind the last complete line of a file, 0 where there is none."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0


def end_position(folder: Path, kind: str) -> Position:
    """Return the position behind the last complete line of the whole log."""
    numbers = segments(folder, kind)
    return (numbers[-1], complete_end(segment_path(folder, kind, numbers[-1]))) if numbers else (1, 0)


def read_lines(folder: Path, kind: str, start: Position = (1, 0)) -> Iterator[tuple[bytes, Position]]:
    """Yield each complete line from ``start`` on with the position behind it; earlier segments are not opened.

    A line without its end is a write that never finished (or is going on): it is left out.
    """
    number, offset = start
    while True:
        later = [n for n in segments(folder, kind) if n >= number]
        if not later:
            return
        if later[0] != number:
            number, offset = later[0], 0
        # Listed before it is read: once a later segment exists, this one has got its last line.
        finished = len(later) > 1
        for line, end in _lines_of(segment_path(folder, kind, number), offset):
            offset = end
            yield line, (number, end)
        if not finished:
            return
        number, offset = later[1], 0


def _lines_of(path: Path, offset: int) -> Iterator[tuple[bytes, int]]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        rest = b""
        while chunk := file.read(CHUNK):
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for line in lines:
                offset += len(line) + 1
                yield line, offset


class SegmentWriter:
    """The one writer of a log. Not thread-safe: call it from one thread at a time.

    Args:
        folder: the log's folder; made when the first line is written.
        kind: beginning of the segments' names.
        fsync: flush to the disk before `write` returns.
        segment_bytes: size from which on a new segment is begun.
    """

    def __init__(self, folder: Path, kind: str, *, fsync: bool = True, segment_bytes: int = 64 << 20) -> None:
        self.folder, self.kind, self.fsync, self.segment_bytes = folder, kind, fsync, segment_bytes
        self._lock = -1
        self._file = -1
        self._size = 0
        self._path = folder

    def write(self, lines: bytes) -> None:
        """Append complete lines, all or nothing, and return when they are durable.

        Raises:
            PredictionLogError: nothing was appended; calling again tries again.
        """
        try:
            if self._file < 0 or (self._size and self._size + len(lines) > self.segment_bytes) or self._removed():
                self._begin()
            self._append(lines)
        except OSError as cause:
            self._give_up_segment()
            problem = (
                f"the prediction log cannot be written: {cause.strerror or cause}; "
                "free disk space or make the folder writable for this user, then send the request again"
            )
            raise PredictionLogError(self._path, problem) from cause

    def close(self) -> None:
        """Close the segment and let another process write the log."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def _append(self, lines: bytes) -> None:
        view = memoryview(lines)
        while view:
            view = view[os.write(self._file, view) :]
        if self.fsync:
            os.fdatasync(self._file)
        self._size += len(lines)

    def _removed(self) -> bool:
        return os.fstat(self._file).st_nlink == 0

    def _begin(self) -> None:
        self._path = self.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._own()
        numbers = segments(self.folder, self.kind)
        number = numbers[-1] + 1 if numbers else 1
        if numbers and self._file < 0 and self._cut(segment_path(self.folder, self.kind, numbers[-1])) == 0:
            number = numbers[-1]
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._path = segment_path(self.folder, self.kind, number)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        self._size = 0
        if self.fsync:
            self._sync_folder()

    def _own(self) -> None:
        path = self.folder / f"{self.kind}.lock"
        if self._lock >= 0:
            if path.exists() and os.path.samestat(os.fstat(self._lock), path.stat()):
                return
            os.close(self._lock)
            self._lock = -1
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        until = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as cause:
                if time.monotonic() > until:
                    holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
                    os.close(descriptor)
                    problem = f"process {holder} writes this log already; stop it or set another DEVMLOPS_PREDICTION_LOG"
                    raise PredictionLogError(self.folder, problem) from cause
                time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor

    def _cut(self, path: Path) -> int:
        """Cut what a killed writer left of its last, never acknowledged line; return the size that is left."""
        end = complete_end(path)
        if end < path.stat().st_size:
            os.truncate(path, end)
        return end

    def _give_up_segment(self) -> None:
        # After a failed flush the kernel may call lost pages clean: never trust this file with another line.
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1

    def _sync_folder(self) -> None:
        for folder in (self.folder, self.folder.parent):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
