"""Kafka: a topic of a cluster, read at the offsets that a collection tells; nothing is committed to the cluster."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from include.data.consumer import Record
from include.data.errors import SourceError, SourceUnavailable
from include.data.times import text
from include.projects.sources import KafkaSource

log = logging.getLogger(__name__)

POLL_S = 0.5
BATCH = 500  # messages fetched from the client at a time
OURS = {  # what a collection relies on, whatever the variable of options_env says
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
}
REFUSED = ("plugin.library.paths", "ssl.engine.location", "ssl.providers", "opaque")
DENIED = (
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
    "SASL_AUTHENTICATION_FAILED",
)


class KafkaStream:
    """One topic of a cluster, for as long as a ``with`` block lasts.

    Args:
        spec: brokers, topic and options.
        where: for errors.
    """

    def __init__(self, spec: KafkaSource, where: str) -> None:
        self.spec, self.where = spec, where
        self._last: Any = None  # what the client last said was wrong with its brokers

    def __enter__(self) -> Self:
        from confluent_kafka import Consumer, KafkaException

        options = {**self._options(), **OURS, "error_cb": self._note}
        options.setdefault("group.id", "devmlops")  # the client asks for one; no group is joined
        try:
            self._consumer = Consumer(options, logger=log)
        except (KafkaException, TypeError, ValueError):
            problem = "its options cannot be used"
            advice = f"Compare {self.spec.options_env or 'data.source.servers'} with the configuration page of librdkafka"
            raise SourceError(self.where, problem, advice) from None  # the cause may quote a password
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def beginning_offsets(self) -> dict[int, int]:
        """Return the offset of the oldest record of each partition."""
        from confluent_kafka.admin import OffsetSpec

        return self._offsets(OffsetSpec.earliest())

    def end_offsets(self) -> dict[int, int]:
        """Return the offset behind the newest record of each partition; records of an open transaction lie behind it."""
        from confluent_kafka.admin import OffsetSpec

        return self._offsets(OffsetSpec.latest())

    def read(self, partition: int, start: int, end: int) -> Iterator[Record]:
        """Yield the records of a partition from ``start`` to before ``end``, in order.

        What was compacted away, rolled back or holds only a transaction's mark is left out.

        Raises:
            SourceError: records were deleted meanwhile.
            SourceUnavailable: nothing came for ``timeout_s``.
        """
        from confluent_kafka import KafkaException, TopicPartition

        if start >= end:
            return
        try:
            self._consumer.assign([TopicPartition(self.spec.topic, partition, start)])
            silent_since = time.monotonic()
            while True:
                first = self._consumer.poll(POLL_S)
                # waits for a first message alone: consume would wait for a full batch
                for message in [first, *self._consumer.consume(BATCH, 0)] if first is not None else []:
                    silent_since = time.monotonic()
                    if self._ends(message, partition, end):
                        return
                    if not message.error():
                        yield self._record(message)
                if time.monotonic() - silent_since > self.spec.timeout_s:
                    raise self._silent(f"nothing came from partition {partition}")
        except KafkaException as cause:
            raise self._error(cause.args[0]) from cause
        finally:
            self._consumer.unassign()

    def _ends(self, message: Any, partition: int, end: int) -> bool:
        """Tell whether a message lies behind what is wanted; one about a fault is raised."""
        from confluent_kafka import KafkaError

        fault = message.error()
        if fault and fault.code() != KafkaError._PARTITION_EOF:
            if fault.code() in (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET):
                problem = f"records of partition {partition} were deleted while it was collected"
                raise SourceError(self.where, problem, "Keep records until they were collected, then try again")
            raise self._error(fault)
        return bool(message.offset() >= end)

    def _record(self, message: Any) -> Record:
        kind, stamp = message.timestamp()
        value, fault = message.value(), None
        if not self.spec.raw and value is not None:
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as cause:
                value, fault = None, f"its value is no JSON: {type(cause).__name__}"
        elif value is None and self.spec.raw:
            fault = "it has no value"
        return Record(
            partition=message.partition(),
            offset=message.offset(),
            key=_text(message.key()),
            value=value,
            at=_moment(stamp) if kind else None,
            headers={name: said for name, given in message.headers() or () if (said := _text(given)) is not None},
            fault=fault,
        )

    def _offsets(self, which: Any) -> dict[int, int]:
        from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
        from confluent_kafka.admin import AdminClient

        topic = self.spec.topic
        partitions = self._partitions()
        try:
            options: dict[str, Any] = {**self._options(admin=True), "error_cb": self._note}
            admin = AdminClient(options, logger=log)
            asked = {TopicPartition(topic, one): which for one in partitions}
            waiting = admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=self.spec.timeout_s
            )
            return {place.partition: int(found.result(self.spec.timeout_s + 5).offset) for place, found in waiting.items()}
        except KafkaException as cause:
            raise self._error(cause.args[0]) from cause
        except TimeoutError as cause:
            raise self._silent("its offsets were not told") from cause

    def _partitions(self) -> Sequence[int]:
        from confluent_kafka import KafkaException

        try:
            found = self._consumer.list_topics(self.spec.topic, timeout=self.spec.timeout_s).topics[self.spec.topic]
        except KafkaException as cause:
            raise self._error(cause.args[0]) from cause
        if found.error:
            raise self._error(found.error)
        return sorted(found.partitions)

    def _options(self, admin: bool = False) -> dict[str, Any]:
        options: Any = {}
        if name := self.spec.options_env:
            try:
                options = json.loads(os.environ.get(name, ""))
            except ValueError:
                options = None
            if not isinstance(options, dict) or not all(isinstance(one, str | int | float | bool) for one in options.values()):
                advice = f'Set {name} to options of librdkafka, such as {{"security.protocol": "SASL_SSL", ...}}'
                raise SourceError(self.where, f"the environment variable {name} holds no JSON object of values", advice)
            if wrong := sorted(set(options) & {*OURS, *REFUSED}):
                problem = f"the environment variable {name} sets {', '.join(wrong)}"
                raise SourceError(
                    self.where, problem, "Take that out: a collection says it itself, or it would load foreign code"
                )
        if self.spec.servers:
            options["bootstrap.servers"] = ",".join(self.spec.servers)
        if not options.get("bootstrap.servers"):
            raise SourceError(self.where, "no broker is named", "Name data.source.servers, or bootstrap.servers in options_env")
        return {name: value for name, value in options.items() if not admin or name != "group.id"}

    def _note(self, fault: Any) -> None:
        self._last = fault

    def _silent(self, what: str) -> SourceUnavailable:
        more = f" ({self._last.name()})" if self._last is not None else ""
        return SourceUnavailable(
            self.where, f"{what} in {self.spec.timeout_s:g} s{more}", "Look after the cluster, then try again"
        )

    def _error(self, fault: Any) -> SourceError | SourceUnavailable:
        """Return our error for one of the client's; what the client knows about its brokers says more than a time-out."""
        names = {fault.name(), self._last.name() if self._last is not None else ""}
        if names & {"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"}:
            return SourceError(self.where, "there is no such topic", "Write to it first, or correct data.source.topic")
        if denied := names & {*DENIED, "_AUTHENTICATION", "_SSL"}:
            advice = "Check the options in the variable of data.source.options_env, and the rights on topic and group"
            return SourceError(self.where, f"the cluster refuses this caller ({', '.join(sorted(denied))})", advice)
        said = ", ".join(sorted(name for name in names if name))
        return SourceUnavailable(
            self.where, f"the cluster does not answer as it should ({said})", "Look after it, then try again"
        )


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return None if value is None else text(value)


def _moment(stamp: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(stamp / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
