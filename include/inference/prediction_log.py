"""The prediction log: every acknowledged answer, and the true answers that come later.

Under ``<prediction_log>/<project>/`` lie two logs of JSON lines: ``predictions-*`` and ``truths-*``. An answer is
in the log, and on the disk, before its caller gets it. A caller that repeats a request id (a retry after a
lost connection, say) is logged again: readers that want each request once use `joined`, where the last record
of an id wins, as the last truth of an id does.

A record: ``id``, ``at`` (ISO 8601, UTC), ``route``, ``release_id``, ``n`` (rows), ``inputs`` (nested lists as
sent), ``labels`` (class names), ``probabilities`` (n lists in the order of the project's classes), ``ms``.
A truth: ``id``, ``at``, ``labels``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import orjson

from include.inference.segments import PredictionLogError, SegmentWriter, end_position, read_lines

PREDICTIONS, TRUTHS = "predictions", "truths"

QUICK_S = 0.001

Record = dict[str, Any]
Cursor = str

_log = logging.getLogger(__name__)


def cursor_key(cursor: Cursor | None) -> tuple[int, int]:
    """Return ``(segment, offset)`` of a cursor, which sorts as the log does; None is the log's beginning.

    Raises:
        PredictionLogError: it is no cursor.
    """
    if cursor is None:
        return 1, 0
    segment, _, offset = str(cursor).partition(":")
    if not (segment.isdecimal() and offset.isdecimal()):
        raise PredictionLogError(Path(), f"{cursor!r} is no cursor; use one that read or end_cursor gave, like '1:0'")
    return int(segment), int(offset)


def read(folder: Path, project: str, cursor: Cursor | None = None, limit: int | None = None) -> Iterator[tuple[Record, Cursor]]:
    """Yield the predictions behind ``cursor``, oldest first, each with the cursor behind itself.

    Only what lies behind the cursor is read from the disk.

    Args:
        folder: the setting ``prediction_log``.
        project: the project's name.
        cursor: where to go on; None begins with the first prediction.
        limit: at most so many records.
    """
    return _read(folder, project, PREDICTIONS, cursor, limit)


def end_cursor(folder: Path, project: str) -> Cursor:
    """Return the cursor behind the last prediction: reading from it gives only what comes from now on."""
    return _cursor(end_position(folder / project, PREDICTIONS))


def truths(folder: Path, project: str) -> dict[str, list[str]]:
    """Return the true labels of each request id that has some; the last one told wins."""
    return {truth["id"]: truth["labels"] for truth, _ in _read(folder, project, TRUTHS, None, None)}


def joined(
    folder: Path, project: str, start_cursor: Cursor | None = None, end: Cursor | None = None
) -> Iterator[tuple[Record, list[str] | None]]:
    """Yield each request between two cursors once, with its true labels or None where nobody told them.

    Of several records with one id the last wins. Truths whose number differs from the record's rows count as none.

    Args:
        folder: the setting ``prediction_log``.
        project: the project's name.
        start_cursor: records behind it; None begins with the first.
        end: records up to it; None goes to the end of the log as it is now.
    """
    last = cursor_key(end if end is not None else end_cursor(folder, project))
    newest: dict[str, Cursor] = {}
    for record, cursor in read(folder, project, start_cursor):
        if cursor_key(cursor) > last:
            break
        newest[record["id"]] = cursor
    if not newest:
        return
    known = truths(folder, project)
    for record, cursor in read(folder, project, start_cursor):
        if cursor_key(cursor) > last:
            return
        if newest[record["id"]] == cursor:
            labels = known.get(record["id"])
            yield record, labels if labels is not None and len(labels) == record["n"] else None


def _cursor(position: tuple[int, int]) -> Cursor:
    return f"{position[0]}:{position[1]}"


def _read(folder: Path, project: str, kind: str, cursor: Cursor | None, limit: int | None) -> Iterator[tuple[Record, Cursor]]:
    left = limit
    for line, position in read_lines(folder / project, kind, cursor_key(cursor)):
        if left is not None and left <= 0:
            return
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            _log.warning("%s: damaged line before position %s left out", folder / project / kind, _cursor(position))
            continue
        yield record, _cursor(position)
        left = None if left is None else left - 1


class PredictionLog:
    """Writer of one project's prediction log; only one process can be it at a time.

    All records that wait while the disk is busy are written and flushed together (group commit), so many
    callers cost about as many flushes as one.

    Args:
        folder: the setting ``prediction_log``.
        project: the project's name.
        fsync: flush to the disk before a record counts as written; off survives a killed process, not a power cut.
        segment_bytes: a segment that would grow above this size is followed by a new one.
    """

    def __init__(self, folder: Path, project: str, fsync: bool = True, segment_bytes: int = 64 << 20) -> None:
        self._writers = {
            kind: SegmentWriter(folder / project, kind, fsync=fsync, segment_bytes=segment_bytes)
            for kind in (PREDICTIONS, TRUTHS)
        }
        self._queue: queue.SimpleQueue[tuple[str, bytes, _Waiter] | None] = queue.SimpleQueue()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._ended = False
        self._writing = threading.Lock()
        self._usual_s = float("inf")

    async def append(self, record: Record, *, alone: bool = False) -> None:
        """Append one prediction and return when it is durable.

        Args:
            record: see the module.
            alone: nothing else runs in this event loop: where the disk was quick lately, it is written right here, which
                saves waking another thread and being woken by it.

        Raises:
            PredictionLogError: it is not in the log: do not acknowledge the answer.
        """
        lines = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        if alone and self._usual_s < QUICK_S and self._writing.acquire(blocking=False):
            try:
                self._write(PREDICTIONS, lines)
            finally:
                self._writing.release()
        else:
            await self._wait(PREDICTIONS, lines)

    async def append_truths(self, records: Sequence[Record]) -> None:
        """Append true answers, all or none, and return when they are durable.

        Raises:
            PredictionLogError: none of them is in the log.
        """
        await self._wait(TRUTHS, _lines(records))

    def write(self, records: Sequence[Record], kind: str = PREDICTIONS) -> None:
        """Append records, all or none, from code without an event loop; blocks until they are durable.

        Raises:
            PredictionLogError: none of them is in the log.
        """
        future: Future[None] = Future()
        self._put(kind, _lines(records), _Waiter(None, future))
        future.result()

    def close(self) -> None:
        """Write what waits, then close the files; a closed log takes no more records."""
        with self._start:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join()

    async def _wait(self, kind: str, lines: bytes) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._put(kind, lines, _Waiter(loop, future))
        await future

    def _put(self, kind: str, lines: bytes, waiter: _Waiter) -> None:
        if self._thread is None or self._closed:
            with self._start:
                if self._closed:
                    raise PredictionLogError(self._writers[kind].folder, "the log is closed; start the inference AP again")
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
                    self._thread.start()
        if lines:
            self._queue.put((kind, lines, waiter))
        else:
            waiter.done(None)

    def _run(self) -> None:
        try:
            while (first := self._queue.get()) is not None:
                batch = [first]
                stop = False
                with contextlib.suppress(queue.Empty):
                    while not stop:
                        more = self._queue.get_nowait()
                        if more is None:
                            stop = True
                        else:
                            batch.append(more)
                self._commit(batch)
                if stop:
                    return
        finally:
            with self._writing:
                self._ended = True
                for writer in self._writers.values():
                    writer.close()

    def _write(self, kind: str, lines: bytes) -> None:
        """Write lines durably, and remember how long that usually takes."""
        if self._ended:
            raise PredictionLogError(self._writers[kind].folder, "the log is closed; start the inference AP again")
        before, self._usual_s = self._usual_s, float("inf")  # stays so where writing fails
        begin = time.perf_counter()
        self._writers[kind].write(lines)
        took = time.perf_counter() - begin
        self._usual_s = took if before == float("inf") else 0.8 * before + 0.2 * took

    def _commit(self, batch: list[tuple[str, bytes, _Waiter]]) -> None:
        for kind in self._writers:
            lines = [item for item in batch if item[0] == kind]
            if not lines:
                continue
            error: BaseException | None = None
            try:
                with self._writing:
                    self._write(kind, b"".join(item[1] for item in lines))
            except Exception as cause:  # given to every caller that waits: a dead log thread would hang them all
                error = cause
            _wake([item[2] for item in lines], error)


class _Waiter:
    """Who waits for a record: a coroutine of ``loop``, or a thread where there is no loop."""

    __slots__ = ("future", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop | None, future: Any) -> None:
        self.loop, self.future = loop, future

    def done(self, error: BaseException | None) -> None:
        if self.loop is not None and self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)


def _wake(waiters: list[_Waiter], error: BaseException | None) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[_Waiter]] = {}
    for waiter in waiters:
        if waiter.loop is None:
            waiter.done(error)
        else:
            loops.setdefault(waiter.loop, []).append(waiter)
    for loop, group in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed while its callers waited
            loop.call_soon_threadsafe(_done, group, error)


def _done(waiters: list[_Waiter], error: BaseException | None) -> None:
    for waiter in waiters:
        waiter.done(error)


def _lines(records: Sequence[Record]) -> bytes:
    return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
