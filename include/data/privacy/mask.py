"""Masking of one item by the project's rules: its content, key, group, label and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from include.data import forms, labels
from include.data.items import Item
from include.data.privacy import values
from include.data.privacy.errors import Unmaskable
from include.data.privacy.pictures import masked_array, masked_image
from include.data.privacy.text import Edit, moved_answers, moved_tags, redacted
from include.projects import Project
from include.projects.content import ArrayContent, Column, TableContent, TextContent
from include.projects.masking import Blur, ColumnRule, DropMetadata, Fake, Generalise, Hash, Keep, Masking, Pixelate, Redact


@dataclass(frozen=True)
class Masked:
    """One masked item, with what the risk report compares; only ``item`` goes anywhere.

    Attributes:
        item: as dev may see it.
        before: the original row or text; None where the content is neither.
        after: the masked one.
        invented: what was put in place of personal data, and may look like some.
        label_lost: whether it had a label that could not go along.
    """

    item: Item = field(repr=False)
    before: dict[str, Any] | str | None = field(repr=False)
    after: dict[str, Any] | str | None = field(repr=False)
    invented: frozenset[str] = field(default=frozenset(), repr=False)
    label_lost: bool = False


@dataclass(frozen=True)
class Masker:
    """The rules of one project with its key.

    Args:
        project: ``data.masking`` says how, ``data.content`` what.
        masking: the rules.
        key: from `include.data.privacy.values.derive`.
        source: what the masked items name as where they come from.
    """

    project: Project
    masking: Masking
    key: bytes = field(repr=False)
    source: str

    def mask(self, item: Item) -> Masked:
        """Return an item masked.

        Raises:
            Unmaskable: it is not of the form that project.yaml tells, or no rule can mask it. No value is in the message.
        """
        form = self.project.data.content
        edits: Sequence[Edit] = ()
        invented: frozenset[str] = frozenset()
        before: dict[str, Any] | str | None = None
        after: dict[str, Any] | str | None = None
        if isinstance(form, TableContent):
            before, after, edits, invented = self._row(item.content, form)
            content = _dumped(after, form)
        elif isinstance(form, TextContent):
            before = _decoded(item.content)
            after, edits, invented = self._text(before, self.masking.content)
            content = after.encode()
        else:
            content = self._file(item, form)
        if forms.check(content, form):
            raise Unmaskable("a masked content that is none of data.content any more")
        label = self._label(item.label, after, edits)
        masked = Item(
            key=values.hashed(item.key, self.key),
            content=content,
            label=label,
            taken_at=self._time(item),
            source=self.source,
            group=None if item.group is None else values.hashed(item.group, self.key),
        )
        lost = label is None and item.label is not None and self.masking.label == "keep"
        return Masked(masked, before, after, invented, lost)

    def _row(self, content: bytes, form: TableContent) -> tuple[dict[str, Any], dict[str, Any], Sequence[Edit], frozenset[str]]:
        try:
            if not content.startswith(b"{"):
                raise ValueError
            row = forms.load_row(content)
        except (ValueError, TypeError):
            raise Unmaskable("a content that is no row of a table") from None
        names = [str(row[name]) for name, column in form.columns.items() if column.personal and _words(row.get(name), column)]
        found: dict[str, Any] = {}
        edits: Sequence[Edit] = ()
        invented: set[str] = set()
        for name, column in form.columns.items():
            value, rule = row.get(name), self.masking.columns[name]
            try:
                if isinstance(rule, Redact) and value is not None:
                    found[name], changed, made = self._text(str(value), rule, names)
                    invented |= made
                    edits = changed if name == "context" else edits
                else:
                    found[name] = self._value(value, rule, column)
            except (ValueError, TypeError, OverflowError, AttributeError):
                raise Unmaskable(f"a value of {name} that is no {column.type}") from None
        return row, found, edits, frozenset(invented)

    def _value(self, value: Any, rule: ColumnRule, column: Column) -> Any:
        if value is None or isinstance(rule, Keep):
            return value
        if isinstance(rule, Hash):
            return values.hashed_integer(value, self.key) if column.type == "integer" else values.hashed(value, self.key)
        if isinstance(rule, Generalise):
            return values.generalised(value, rule, column)
        if isinstance(rule, Fake):
            return values.faked(str(value), rule, self.key)
        return None

    def _text(self, text: str, rule: Any, names: Sequence[str] = ()) -> tuple[str, Sequence[Edit], frozenset[str]]:
        if not isinstance(rule, Redact):
            return text, (), frozenset()
        changed, edits = redacted(text, rule, self.masking, self.key, names)
        return changed, edits, frozenset(edit.new for edit in edits) if rule.replace == "fake" else frozenset()

    def _file(self, item: Item, form: Any) -> bytes:
        rule = self.masking.content
        if isinstance(form, ArrayContent):
            if forms.check(item.content, form):
                raise Unmaskable("a content that is no array of data.content")
            return masked_array(item.content, rule, form) if isinstance(rule, Pixelate) else item.content
        if not isinstance(rule, DropMetadata | Blur | Pixelate):
            raise Unmaskable(f"content of kind {form.kind} without a rule")
        return masked_image(item.content, rule, self._boxes(item, rule))

    def _boxes(self, item: Item, rule: DropMetadata | Blur | Pixelate) -> list[Sequence[float]]:
        wanted = () if isinstance(rule, DropMetadata) else rule.classes
        if not wanted:
            return []
        if item.label is None or labels.problem(item.label, self.project):
            raise Unmaskable("a picture whose boxes nobody has drawn")
        return [one["box"] for one in labels.load(item.label) if one["class"] in wanted]

    def _label(self, label: str | None, after: Any, edits: Sequence[Edit]) -> str | None:
        """Return the label as it goes along: of the task's form, in the words and places of the masked content."""
        task = self.project.task
        if label is None or self.masking.label == "drop" or labels.problem(label, self.project):
            return None
        if task == "tagging" and edits:
            label = labels.dump(moved_tags(labels.load(label), edits))
        if task == "question_answering":
            context = (after or {}).get("context") or ""
            label = labels.dump({"answers": moved_answers(labels.load(label)["answers"], edits, context)})
        inside = after if task in ("tagging", "question_answering") else None
        return None if labels.problem(label, self.project, inside) else label

    def _time(self, item: Item) -> Any:
        how = self.masking.taken_at
        if item.taken_at is None or how == "drop":
            return None
        moment = item.taken_at.astimezone(UTC)
        return moment if how == "keep" else values.start_of(moment, how)


def _words(value: Any, column: Column) -> bool:
    return value is not None and column.type in ("text", "category")


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Unmaskable("a text that is no UTF-8") from None


def _dumped(row: dict[str, Any], form: TableContent) -> bytes:
    try:
        return forms.dump_row(row, form)
    except (ValueError, TypeError):  # the message there shows the value
        raise Unmaskable("a masked row that does not fit its columns") from None
