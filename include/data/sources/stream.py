"""Streams in micro-batches: records behind the offset of each partition, so many a round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from include.data.consumer import Consumer, TopicError
from include.data.errors import SourceError, SourceUnavailable
from include.data.items import Item
from include.data.sources.base import Findings, Mark, Past
from include.data.sources.records import Records
from include.data.topic import Topic
from include.projects.project import Content
from include.projects.sources import TopicSource
from include.settings import Settings


class TopicReader:
    """Reads a micro-batch from all partitions of a topic; the mark holds the next offset of each.

    A record is what its partition and offset say. Where ``key`` names the id that the producer gave it, a record
    that the producer sent twice is taken once within a micro-batch.

    Args:
        settings: ``home`` holds the folder of topics where ``spec`` names none.
        spec: topic and fields.
        name: the source's name in rounds.
        past: ``mark`` of the round before; None begins with the oldest records.
        form: the form of an item.
        consumer: of another stream; the local topic where None.
    """

    def __init__(
        self, settings: Settings, spec: TopicSource, name: str, past: Past, form: Content, consumer: Consumer | None = None
    ) -> None:
        self.spec, self.name = spec, name
        self.folder = Path(settings.home, spec.folder or "topics")
        self.mark: Mark | None = past.mark
        self.findings = Findings(spec.needed)
        self.where = f"topic {spec.topic}"
        self._form, self._consumer = form, consumer

    def items(self) -> Iterator[Item]:
        """Yield the records behind the mark, up to where each partition ends now, ``max_records`` of all at most.

        Raises:
            SourceError: there is no such topic, it was replaced, or records were deleted before they were taken.
            SourceUnavailable: it cannot be read.
        """
        try:
            yield from self._items(self._consumer or Topic.open(self.folder, self.spec.topic))
        except TopicError as cause:
            raise SourceError(self.where, cause.problem, cause.advice) from cause
        except OSError as cause:
            raise SourceUnavailable(self.where, f"it cannot be read: {cause}", "Look after the disk, then try again") from cause

    def objects(self) -> dict[str, bytes]:
        """Return nothing: the mark says it all."""
        return {}

    def _items(self, stream: Consumer) -> Iterator[Item]:
        records = Records(self.spec, self._form, self.name, self.findings)
        after: dict[str, int] = dict((self.mark or {}).get("offsets", {}))
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
                records.saw(record.value)
                item = records.item(record.value, f"{partition}:{record.offset}", where)
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
