"""Records into items: the fields that project.yaml names become content, label, time and group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.data import forms, labels
from include.data.items import Item
from include.data.sources.base import Findings, family
from include.data.times import moment_of
from include.projects.content import Content, TableContent
from include.projects.sources import FilesSource, KafkaSource, RestSource, TopicSource

MAX_KEY = 1000
MAX_LABEL = 1 << 20  # masks and boxes of one item
ABSENT = object()


class Records:
    """Makes items of one source's records, and keeps account of what they look like.

    Args:
        spec: which fields make an item.
        form: the form of an item.
        source: the source's name.
        findings: takes the account.
    """

    def __init__(
        self, spec: FilesSource | RestSource | TopicSource | KafkaSource, form: Content, source: str, findings: Findings
    ) -> None:
        self.spec, self.form, self.source, self.findings = spec, form, source, findings
        self._found: set[str] = set()

    def item(
        self, record: Any, name: str, where: str, more: Mapping[str | None, Any] | None = None, prefix: str = ""
    ) -> Item | None:
        """Return a record as an item; None, with a note in the findings, where it is none.

        Args:
            record: as the source gave it.
            name: its key where project.yaml names no field for it.
            where: for the note.
            more: values of ``@folder``, ``@key`` and whatever else stands beside a record.
            prefix: put before the key of the field.
        """
        self.findings.rows += 1
        spec, given = self.spec, more or {}
        try:
            if not isinstance(record, Mapping):
                raise ValueError(f"a record is an object with fields, and this is {family(record)}")
            key = prefix + short(self._field(record, spec.key, given)) if spec.key else name
            return Item(
                key=short(key),
                content=self._content(record, given),
                label=label_text(given[spec.label] if spec.label in given else lookup(record, spec.label)),
                taken_at=_moment(given[spec.taken_at] if spec.taken_at in given else lookup(record, spec.taken_at)),
                source=self.source,
                group=self._optional(record, spec.group, given),
            )
        except ValueError as cause:
            self.findings.reject(where, str(cause))
            return None

    def saw(self, record: Any) -> None:
        """Note the fields of a record of a source whose records tell their own (JSON)."""
        if not isinstance(record, Mapping):
            return
        for name, value in record.items():
            self.findings.column(name, family(value))
        for name in self.spec.needed:
            if name not in self._found and lookup(record, name) is not ABSENT:
                self._found.add(name)

    def finish(self, where: str) -> None:
        """Note which needed fields no record had, where records tell their own fields."""
        if self.findings.rows:
            self.findings.absent((name for name in self.spec.needed if name not in self._found), where)

    def _field(self, record: Mapping[str, Any], name: str, given: Mapping[str | None, Any]) -> Any:
        value = given[name] if name in given else lookup(record, name)
        if value is ABSENT or value is None:
            raise ValueError(f"the field {name} {'is missing' if value is ABSENT else 'is empty'}")
        return value

    def _optional(self, record: Mapping[str, Any], name: str | None, given: Mapping[str | None, Any]) -> str | None:
        value = given[name] if name in given else lookup(record, name)
        return None if value is ABSENT or value is None or value == "" else short(value)

    def _content(self, record: Mapping[str, Any], given: Mapping[str | None, Any]) -> bytes:
        if isinstance(self.form, TableContent):
            found = {name: lookup(record, name) for name in self.form.columns}
            return forms.dump_row({name: value for name, value in found.items() if value is not ABSENT}, self.form)
        if isinstance(self.spec.content, str):
            value = self._field(record, self.spec.content, given)
            return forms.encode(value, self.form, "bytes" if isinstance(value, bytes) else self.spec.decode)
        return forms.encode([self._field(record, name, given) for name in self.spec.contents], self.form)


def lookup(record: Any, name: str | None) -> Any:
    """Return a field of a record, ``a.b`` being field b of field a; `ABSENT` where there is none."""
    if name is None:
        return ABSENT
    if isinstance(record, Mapping) and name in record:
        return record[name]
    for part in name.split("."):
        if not isinstance(record, Mapping) or part not in record:
            return ABSENT
        record = record[part]
    return record


def short(value: Any) -> str:
    """Return a key or group as text.

    Raises:
        ValueError: it is no single value, too long, or no text that UTF-8 can hold.
    """
    if isinstance(value, list | tuple | dict | bytes):
        raise ValueError(f"a key or group must be one value, and this is {family(value)}")
    said = value if isinstance(value, str) else str(value)
    if len(said) > MAX_KEY:
        raise ValueError(f"a key or group has {len(said)} characters, more than {MAX_KEY}")
    try:
        said.encode()
    except UnicodeEncodeError as cause:
        raise ValueError("a key or group is no valid Unicode") from cause
    return said


def label_text(value: Any) -> str | None:
    """Return a label as text, lists and objects as JSON; None where there is none.

    Raises:
        ValueError: it is too long, or nothing that text in UTF-8 can hold.
    """
    if value is ABSENT or value is None or value == "":
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("a label is text, a number or JSON, and this is binary")
    said = labels.dump(value) if isinstance(value, list | dict) else str(value)
    if len(said) > MAX_LABEL:
        raise ValueError(f"a label has {len(said)} characters, more than {MAX_LABEL}")
    try:
        said.encode()
    except UnicodeEncodeError as cause:
        raise ValueError("a label is no valid Unicode") from cause
    return said


def _moment(value: Any) -> Any:
    if value is ABSENT or value is None or value == "":
        return None
    try:
        return moment_of(value)
    except ValueError as cause:
        raise ValueError(f"{str(value)[:40]!r} is no time in ISO 8601") from cause
