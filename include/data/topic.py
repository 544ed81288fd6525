"""A local append-only topic: what a Kafka topic is to its consumers, on one machine's disk.

A topic is a folder with ``topic.json`` and one folder a partition; a partition is segments of JSON Lines, each named
by the offset of its first record. One writer at a time appends under a lock, and an append counts once it is flushed
to disk. A writer that was killed leaves at most a torn last line, which nobody reads and the next writer cuts off.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from include.data.consumer import Record, TopicError

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")  # what Kafka allows, without . and ..
MAX_RECORD = 16 << 20  # bytes of one line
LOCK_S = 30  # how long an append waits for another
TAIL = 1 << 16


class Topic:
    """One topic; made by `create` or `open`.

    Args:
        path: its folder.
        partitions: how many it has.
        segment_bytes: size at which a partition goes on in a new segment.
    """

    def __init__(self, path: Path, partitions: int, segment_bytes: int = 64 << 20) -> None:
        self.path, self.partitions, self.segment_bytes = path, partitions, segment_bytes

    @classmethod
    def create(cls, folder: Path, name: str, partitions: int = 1, segment_bytes: int = 64 << 20) -> Topic:
        """Make a topic where it does not exist; one that exists keeps its partitions.

        Raises:
            TopicError: the name cannot be a topic's.
        """
        path = _path(folder, name)
        if not 1 <= partitions <= 1000:
            raise TopicError(path, f"{partitions} partitions", "A topic has 1 to 1000 partitions")
        path.mkdir(parents=True, exist_ok=True)
        with _lock(path / "topic.lock"):
            about = path / "topic.json"
            if not about.exists():
                for partition in range(partitions):
                    (path / str(partition)).mkdir(exist_ok=True)
                draft = path / "topic.json.new"
                with draft.open("w", encoding="utf-8") as file:
                    json.dump({"format": 1, "name": name, "partitions": partitions}, file)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(about)
        opened = cls.open(folder, name)
        opened.segment_bytes = segment_bytes
        return opened

    @classmethod
    def open(cls, folder: Path, name: str) -> Topic:
        """Return a topic that exists.

        Raises:
            TopicError: there is none of that name.
        """
        path = _path(folder, name)
        try:
            about = json.loads((path / "topic.json").read_text(encoding="utf-8"))
            return cls(path, int(about["partitions"]))
        except FileNotFoundError as cause:
            raise TopicError(path, "there is no such topic", "Write to it first, or correct data.source.topic") from cause
        except (ValueError, KeyError, TypeError) as cause:
            raise TopicError(path / "topic.json", "it does not describe a topic", "Restore it") from cause

    def append(self, records: Sequence[tuple[str | None, Any]], partition: int | None = None) -> list[tuple[int, int]]:
        """Append records durably; all of one partition together, or none of them.

        Args:
            records: (key, value) each; the value is anything that JSON can hold. Equal keys share a partition; those without
                key go to the first.
            partition: puts all of them there.

        Returns:
            Partition and offset of each record, in order.

        Raises:
            TopicError: a record is too large or no JSON, there is no such partition, or another writer holds it.
            OSError: the disk did not take it.
        """
        if partition is not None and not 0 <= partition < self.partitions:
            raise TopicError(self.path, f"there is no partition {partition}", f"It has {self.partitions}, counted from 0")
        groups: dict[int, list[int]] = {}
        for place, (key, _) in enumerate(records):
            groups.setdefault(self._partition(key) if partition is None else partition, []).append(place)
        parts = {one: [self._body(*records[place]) for place in places] for one, places in groups.items()}
        offsets: list[tuple[int, int]] = [(0, 0)] * len(records)
        for one, places in groups.items():
            first = self._write(one, parts[one])
            for count, place in enumerate(places):
                offsets[place] = (one, first + count)
        return offsets

    def beginning_offsets(self) -> dict[int, int]:
        """Return the offset of the oldest record of each partition."""
        return {partition: (self._segments(partition) or [0])[0] for partition in range(self.partitions)}

    def end_offsets(self) -> dict[int, int]:
        """Return the offset behind the newest record of each partition; what lies before it is on the disk for good."""
        ends = {}
        for partition in range(self.partitions):
            with _lock(self.path / str(partition) / "lock"):
                ends[partition], _ = self._end(partition)
        return ends

    def read(self, partition: int, start: int, end: int) -> Iterator[Record]:
        """Yield the records of a partition from ``start`` to before ``end``, a line in memory at a time.

        Raises:
            TopicError: they are not all there, or a line was damaged.
        """
        begins = self._segments(partition)
        wanted = start
        for place, begin in enumerate(begins):
            behind = begins[place + 1] if place + 1 < len(begins) else end
            if behind <= wanted or begin >= end:
                continue
            for record in self._lines(partition, begin):
                if record.offset >= end:
                    return
                if record.offset > wanted:
                    break
                if record.offset == wanted:
                    yield record
                    wanted += 1
        if wanted < end:
            problem = f"offsets {wanted} to {end - 1} are not there"
            raise TopicError(self.path / str(partition), problem, "Look at the segments; a file was cut or deleted")

    def drop_before(self, partition: int, offset: int) -> int:
        """Delete whole segments whose records all lie before ``offset``; return how many."""
        with _lock(self.path / str(partition) / "lock"):
            begins = self._segments(partition)
            old = [begin for begin, behind in pairwise(begins) if behind <= offset]
            for begin in old:
                self._file(partition, begin).unlink()
        return len(old)

    def _write(self, partition: int, bodies: list[bytes]) -> int:
        with _lock(self.path / str(partition) / "lock"):
            offset, file = self._end(partition)
            fresh = file is None or file.stat().st_size >= self.segment_bytes
            path = self._file(partition, offset) if fresh or file is None else file
            block = b"".join(b'{"offset":%d,' % (offset + place) + body for place, body in enumerate(bodies))
            with path.open("ab", buffering=0) as target:
                size = target.tell()
                try:
                    left = memoryview(block)
                    while left:
                        left = left[target.write(left) :]
                    os.fsync(target.fileno())
                except BaseException:
                    os.ftruncate(target.fileno(), size)
                    raise
            if fresh:
                _sync_folder(path.parent)
        return offset

    def _end(self, partition: int) -> tuple[int, Path | None]:
        """Return the next offset and the segment in use, its torn last line cut off; asks for the lock held."""
        begins = self._segments(partition)
        if not begins:
            return 0, None
        path = self._file(partition, begins[-1])
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            end, last = _last_line(file, size)
            if end < size:
                file.truncate(end)
            os.fsync(file.fileno())
        if not last:
            return begins[-1], path
        return self._record(partition, last, path).offset + 1, path

    def _lines(self, partition: int, begin: int) -> Iterator[Record]:
        path = self._file(partition, begin)
        with path.open("rb") as file:
            expected = begin
            while (line := file.readline(MAX_RECORD + 1)).endswith(b"\n"):
                record = self._record(partition, line, path)
                if record.offset != expected:
                    problem = f"offset {record.offset} stands where {expected} should"
                    raise TopicError(path, problem, "The file was changed; restore it")
                expected += 1
                yield record

    def _record(self, partition: int, line: bytes, path: Path) -> Record:
        try:
            found = json.loads(line)
            return Record(partition, int(found["offset"]), found["key"], found["value"], datetime.fromisoformat(found["at"]))
        except (ValueError, KeyError, TypeError, RecursionError) as cause:
            raise TopicError(path, f"a line is no record: {line[:60]!r}", "The file was changed; restore it") from cause

    def _body(self, key: str | None, value: Any) -> bytes:
        """Return a record's line without its offset, which is known under the lock."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        try:
            rest = json.dumps({"key": key, "at": now, "value": value}, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as cause:
            raise TopicError(
                self.path, f"a value is nothing that JSON can hold: {cause}", "Send numbers, texts and lists"
            ) from cause
        body = rest[1:].encode() + b"\n"
        if len(body) + 32 > MAX_RECORD:
            raise TopicError(self.path, f"a record has {len(body)} bytes", f"Send at most {MAX_RECORD} at once")
        return body

    def _partition(self, key: str | None) -> int:
        return 0 if key is None else zlib.crc32(key.encode("utf-8", "surrogatepass")) % self.partitions

    def _segments(self, partition: int) -> list[int]:
        names = (p.stem for p in (self.path / str(partition)).glob("*.jsonl"))
        return sorted(int(name) for name in names if name.isdigit())

    def _file(self, partition: int, begin: int) -> Path:
        return self.path / str(partition) / f"{begin:020d}.jsonl"


def _last_line(file: Any, size: int) -> tuple[int, bytes]:
    """Return where the last complete line of a file ends, and that line; 0 and nothing where there is none."""
    block = b""
    begin = size
    while begin > 0 and len(block) < 2 * MAX_RECORD + TAIL:
        step = min(TAIL, begin)
        begin -= step
        file.seek(begin)
        block = file.read(step) + block
        end = block.rfind(b"\n") + 1
        start = block.rfind(b"\n", 0, end - 1) + 1 if end else 0
        if end and (start or begin == 0):
            return begin + end, block[start:end]
    return 0, b""


def _path(folder: Path, name: str) -> Path:
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise TopicError(folder, f"{name[:60]!r} cannot name a topic", "Names are ASCII letters, digits, ., _ and -, at most 200")
    return folder / name


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    try:
        held = FileLock(path, timeout=LOCK_S).acquire()
    except Timeout as cause:
        raise TopicError(
            path, f"another writer held it for {LOCK_S} s", "Look for a process that hangs, then try again"
        ) from cause
    with held:
        yield


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
