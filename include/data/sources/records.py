"""Records into items: the fields that project.yaml names become content, label, time and group."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.data.items import Item, size
from include.data.sources.base import Findings, family, moment_of
from include.projects.project import Content
from include.projects.sources import Decode, FilesSource, RestSource, TopicSource

if TYPE_CHECKING:
    import numpy as np

MAX_KEY = 1000
ABSENT = object()


class Records:
    """Makes items of one source's records, and keeps account of what they look like.

    Args:
        spec: which fields make an item.
        form: the form of an item.
        source: the source's name.
        findings: takes the account.
    """

    def __init__(self, spec: FilesSource | RestSource | TopicSource, form: Content, source: str, findings: Findings) -> None:
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
            more: values of ``@folder`` and ``@modified``.
            prefix: put before the key of the field.
        """
        self.findings.rows += 1
        spec, given = self.spec, more or {}
        try:
            if not isinstance(record, Mapping):
                raise ValueError(f"a record is an object with fields, and this is {family(record)}")
            key = prefix + short(self._field(record, spec.key)) if spec.key else name
            return Item(
                key=short(key),
                content=self._content(record),
                label=self._optional(record, spec.label, given),
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

    def _field(self, record: Mapping[str, Any], name: str) -> Any:
        value = lookup(record, name)
        if value is ABSENT or value is None:
            raise ValueError(f"the field {name} {'is missing' if value is ABSENT else 'is empty'}")
        return value

    def _optional(self, record: Mapping[str, Any], name: str | None, given: Mapping[str | None, Any]) -> str | None:
        value = given[name] if name in given else lookup(record, name)
        return None if value is ABSENT or value is None or value == "" else short(value)

    def _content(self, record: Mapping[str, Any]) -> bytes:
        if isinstance(self.spec.content, str):
            return decode(self._field(record, self.spec.content), self.spec.decode, self.form)
        return decode([self._field(record, name) for name in self.spec.contents], "array", self.form)


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
    """Return a key, label or group as text.

    Raises:
        ValueError: it is no single value, too long, or no text that UTF-8 can hold.
    """
    if isinstance(value, list | tuple | dict | bytes):
        raise ValueError(f"a key, label or group must be one value, and this is {family(value)}")
    said = value if isinstance(value, str) else str(value)
    if len(said) > MAX_KEY:
        raise ValueError(f"a key, label or group has {len(said)} characters, more than {MAX_KEY}")
    try:
        said.encode()
    except UnicodeEncodeError as cause:
        raise ValueError("a key, label or group is no valid Unicode") from cause
    return said


def decode(value: Any, how: Decode, form: Content) -> bytes:
    """Return the raw bytes of an item from the form that its source keeps it in.

    Raises:
        ValueError: it is no item of that form.
    """
    if how == "array":
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except RecursionError as cause:
                raise ValueError("the content is nested too deep") from cause
            except ValueError as cause:
                raise ValueError("the content is no JSON list of numbers") from cause
        return exact(numbers(value), form)
    if how == "bytes":
        if not isinstance(value, bytes):
            raise ValueError(f"the content is {family(value)}, wanted bytes")
        content = value
    else:
        if not isinstance(value, str):
            raise ValueError(f"the content is {family(value)}, wanted {how} text")
        if len(value) > 3 * size(form) + 4:
            raise ValueError(f"the content has {len(value)} characters of {how}, too many for {size(form)} bytes")
        try:
            content = base64.b64decode(value, validate=True) if how == "base64" else bytes.fromhex(value)
        except (binascii.Error, ValueError) as cause:
            raise ValueError(f"the content is no {how} text") from cause
    if len(content) != size(form):
        raise ValueError(f"the content has {len(content)} bytes, wanted {size(form)}")
    return content


def numbers(value: Any) -> np.ndarray:
    """Return a (nested) list of numbers, or of their texts, as an array.

    Raises:
        ValueError: it holds something else, or its rows differ in length.
    """
    import numpy as np

    if isinstance(value, list) and value and isinstance(value[0], str):
        value = [_number(one) for one in value]
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as cause:
        raise ValueError("the content is no regular list of numbers") from cause
    if array.dtype.kind not in "iufb":
        raise ValueError("the content is no regular list of numbers")
    return array


def exact(array: np.ndarray, form: Content) -> bytes:
    """Return an array as the bytes of an item; nothing is rounded to whole numbers or cut to a smaller range.

    Raises:
        ValueError: it has another shape, or values that the dtype cannot hold.
    """
    import numpy as np

    shape, wanted = array.shape, np.dtype(form.dtype)
    if array.size != np.prod(form.shape) or (array.ndim > 1 and shape != tuple(form.shape)):
        raise ValueError(f"the content has the shape {list(shape)}, wanted {form.shape}")
    if array.dtype != wanted:
        with np.errstate(invalid="ignore", over="ignore"):
            cast = array.astype(wanted)
        same = np.isfinite(cast) if wanted.kind == "f" else cast == array
        if not same.all():
            raise ValueError(f"the content holds values that {form.dtype} cannot hold")
        array = cast
    return array.tobytes()


def _number(value: Any) -> int | float:
    if not isinstance(value, str):
        raise ValueError("the content mixes texts and numbers")
    try:
        return int(value) if len(value) < 20 else float(value)
    except ValueError:
        try:
            return float(value)
        except ValueError as cause:
            raise ValueError(f"{value[:40]!r} is no number") from cause


def _moment(value: Any) -> Any:
    if value is ABSENT or value is None or value == "":
        return None
    try:
        return moment_of(value)
    except ValueError as cause:
        raise ValueError(f"{str(value)[:40]!r} is no time in ISO 8601") from cause
