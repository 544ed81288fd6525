"""What a stream offers to be collected, whether a topic of ours or one of Kafka's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from include.errors import FinalError


class TopicError(FinalError, RuntimeError):
    """A topic that cannot be read or written as asked.

    Attributes:
        where: topic, partition or file.
        problem: what is wrong.
        advice: what to do.
    """

    def __init__(self, where: Any, problem: str, advice: str) -> None:
        self.where, self.problem, self.advice = str(where), problem, advice
        super().__init__(f"{where}: {problem}. {advice}")


@dataclass(frozen=True)
class Record:
    """One record of a partition.

    Attributes:
        partition: it lies in.
        offset: its place there.
        key: by which the producer chose the partition.
        value: what JSON holds, or bytes where the value is the item itself.
        at: when it was written; None where the stream does not say.
        headers: texts beside the value.
        fault: why its value cannot be read; None where it can.
    """

    partition: int
    offset: int
    key: str | None
    value: Any
    at: datetime | None
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None


class Consumer(Protocol):
    """What a stream must offer to be collected: that of a Kafka consumer that is told its offsets."""

    def beginning_offsets(self) -> dict[int, int]:
        """Return the offset of the oldest record of each partition."""

    def end_offsets(self) -> dict[int, int]:
        """Return the offset behind the newest record of each partition."""

    def read(self, partition: int, start: int, end: int) -> Iterator[Record]:
        """Yield the records of a partition from ``start`` to before ``end``, in order; offsets may be left out."""
