"""Streams in micro-batches: records behind the offset of each partition, so many a round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from include.data.consumer import Consumer, Record, TopicError
from include.data.errors import SourceError, SourceUnavailable
from include.data.items import Item
from include.data.sources.base import Findings, Mark, Past, Pending
from include.data.sources.records import Records
from include.projects.content import Content
from include.projects.sources import KafkaSource, TopicSource

Opened = AbstractContextManager[Consumer]


class StreamReader:
    """Reads a micro-batch from all partitions of a stream; the mark holds the next offset of each.

    A record is what its partition and offset say. Where ``key`` names the id that the producer gave it, a record
    that the producer sent twice is taken once within a micro-batch.

    Args:
        spec: topic and fields.
        name: the source's name in rounds.
        past: ``mark`` of the round before; None begins with the oldest records.
        form: the form of an item.
        opened: gives the stream for as long as a ``with`` block lasts.
    """

    def __init__(
        self, spec: TopicSource | KafkaSource, name: str, past: Past, form: Content, opened: Callable[[], Opened]
    ) -> None:
        self.spec, self.name = spec, name
        self.mark: Mark | None = past.mark
        self.findings = Findings(spec.needed)
        self.where = f"{spec.kind} {spec.topic}"
        self._form, self._opened = form, opened

    def items(self) -> Iterator[Item]:
        """Yield the records behind the mark, up to where each partition ends now, ``max_records`` of all at most.

        Raises:
            SourceError: there is no such topic, it was replaced, or records were deleted before they were taken.
            SourceUnavailable: it cannot be read.
        """
        with self._errors(), self._opened() as stream:
            yield from self._items(stream)

    def pending(self, enough: int = 1) -> Pending:
        """Return how many records lie behind the mark; as `items`, without reading one."""
        with self._errors(), self._opened() as stream:
            begins, ends = stream.beginning_offsets(), stream.end_offsets()
        after = self._after()
        self._fits(after, begins, ends)
        waiting = sum(end - after.get(str(partition), begins[partition]) for partition, end in ends.items())
        return Pending(waiting, {str(partition): end for partition, end in ends.items()})

    def objects(self) -> dict[str, bytes]:
        """Return nothing: the mark says it all."""
        return {}

    def _after(self) -> dict[str, int]:
        return dict((self.mark or {}).get("offsets", {}))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except TopicError as cause:
            raise SourceError(self.where, cause.problem, cause.advice) from cause
        except OSError as cause:
            raise SourceUnavailable(self.where, f"it cannot be read: {cause}", "Look after the disk, then try again") from cause

    def _items(self, stream: Consumer) -> Iterator[Item]:
        records = Records(self.spec, self._form, self.name, self.findings)
        after = self._after()
        begins, ends = stream.beginning_offsets(), stream.end_offsets()
        self._fits(after, begins, ends)
        seen: set[str] = set()
        left = self.spec.max_records
        waiting = {partition: ends[partition] - after.get(str(partition), begins[partition]) for partition in ends}
        for place, (partition, there) in enumerate(sorted(waiting.items(), key=lambda one: (one[1], one[0]))):
            # the shortest first: what it does not need of its share goes to the longer ones
            share = min(there, -(-left // (len(waiting) - place)))
            start = after.get(str(partition), begins[partition])
            left -= share
            for record in stream.read(partition, start, start + share):
                where = f"partition {partition}, offset {record.offset}"
                if record.fault:
                    self.findings.rows += 1
                    self.findings.reject(where, record.fault)
                    continue
                value = {} if self.spec.raw else record.value
                records.saw(value)
                item = records.item(value, f"{partition}:{record.offset}", where, _beside(record))
                if item and self.spec.key and item.key in seen:
                    self.findings.repeated += 1
                elif item:
                    seen.add(item.key)
                    yield item
            after[str(partition)] = start + share
        records.finish(self.where)
        self.mark = {"type": "offsets", "offsets": after}

    def _fits(self, after: dict[str, int], begins: dict[int, int], ends: dict[int, int]) -> None:
        advice = "Keep records until they were collected; give a topic that begins anew another name"
        for name, offset in after.items():
            partition = int(name)
            if offset > ends.get(partition, 0):
                problem = (
                    f"partition {partition} ends at offset {ends.get(partition, 0)}, and was collected up to {offset} before"
                )
                raise SourceError(self.where, problem, advice)
            if offset < begins.get(partition, 0):
                problem = f"offsets {offset} to {begins[partition] - 1} of partition {partition} were deleted before collection"
                raise SourceError(self.where, problem, advice)


def _beside(record: Record) -> dict[str | None, Any]:
    """Return what stands beside a record's value, by the names that project.yaml has for it."""
    headers: dict[str | None, Any] = {f"@header.{name}": value for name, value in record.headers.items()}
    return {"@value": record.value, "@key": record.key, "@time": record.at, **headers}
