"""What a masked sample still tells: k-anonymity, l-diversity, personal data that is left, values that stayed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from include.data.privacy.detect import find, looks_like
from include.data.privacy.mask import Masked
from include.data.privacy.pictures import metadata_of
from include.data.privacy.text import telling
from include.projects import Project
from include.projects.content import ImageContent, TableContent
from include.projects.masking import Masking
from include.projects.parts import Part

NUMBERS = 20_000  # values of a kept column of integers that are looked at
HASH = re.compile(r"[0-9a-f]{16}")

Class = tuple[Hashable, ...]


@dataclass
class _Column:
    """Counts of one column: rows with a value, and those whose value is the original."""

    given: int = 0
    unchanged: int = 0
    numbers: list[int] = field(default_factory=list)


class Risk:
    """Looks at each masked item as it is made, and says at the end what the sample tells.

    Args:
        project: what items hold.
        masking: the rules, the limits, and the patterns looked for.
    """

    def __init__(self, project: Project, masking: Masking) -> None:
        self.project, self.masking = project, masking
        self.form = project.data.content
        self.rows = 0
        self.columns: dict[str, _Column] = defaultdict(_Column)
        self.left: Counter[tuple[str, str]] = Counter()
        self.classes: Counter[Class] = Counter()
        self.values: dict[tuple[Class, str], set[Any]] = defaultdict(set)
        self.keys: set[str] = set()

    def add(self, masked: Masked) -> None:
        """Take one masked item into the report."""
        self.rows += 1
        self.keys.add(masked.item.key)
        for name, value in (("key", masked.item.key), ("group", masked.item.group)):
            if value is not None and not HASH.fullmatch(value):
                self.left[name, "no hash"] += 1
        if isinstance(self.form, TableContent):
            self._row(masked, self.form)
        elif isinstance(masked.after, str):
            self._compare("content", masked.before, masked.after)
            self._scan("content", masked.after, masked.invented)
        elif isinstance(self.form, ImageContent):
            for name in metadata_of(masked.item.content):
                self.left["content", f"metadata {name}"] += 1

    def class_of(self, row: Any) -> Class:
        """Return the values by which a masked row can be told from others."""
        return tuple(row.get(name) for name in self.masking.quasi_identifiers) if isinstance(row, dict) else ()

    def too_few(self) -> set[Class]:
        """Return the classes of rows that are too small, or too alike in a sensitive column."""
        if not self.masking.quasi_identifiers:
            return set()
        small = {one for one, count in self.classes.items() if count < self.masking.k}
        alike = {one for (one, _), values in self.values.items() if len(values) < self.masking.l}
        return small | alike

    def problems(self) -> Iterator[str]:
        """Yield what forbids the sample, one line each: columns, kinds and counts, never a value."""
        if not self.rows:
            yield "no item is left to give away"
            return
        for (where, kind), count in sorted(self.left.items()):
            yield f"{where}: {count} of {self.rows} masked items still hold personal data ({kind})"
        for name, column in self.columns.items():
            if likely := looks_like(column.numbers, self.masking.regions):
                yield f"{name}: most of its numbers look like personal data ({likely}) and are kept"
            rule = self._rule(name)
            if rule in ("hash", "fake") and column.unchanged:
                yield f"{name}: {column.unchanged} of {column.given} values came out of {rule} as they were"
        if len(self.keys) < self.rows:
            yield f"key: {self.rows - len(self.keys)} items have the hash of another one"
        suppressed = sum(self.classes[one] for one in self.too_few())
        if suppressed > self.masking.max_suppressed * self.rows or suppressed == self.rows:
            yield (
                f"{suppressed} of {self.rows} rows share {', '.join(self.masking.quasi_identifiers)} with fewer than"
                f" {self.masking.k - 1} others{' or too alike ones' if self.masking.l > 1 else ''}: more than"
                f" max_suppressed {self.masking.max_suppressed:g} allows to leave out; generalise further"
            )

    def document(self) -> dict[str, Any]:
        """Return the report's numbers; JSON."""
        few = self.too_few()
        whole = [count for one, count in self.classes.items() if one not in few]
        rule = self._rule
        return {
            "rows": self.rows - sum(self.classes[one] for one in few),
            "suppressed": sum(self.classes[one] for one in few),
            "columns": {
                name: {
                    "rule": rule(name),
                    "personal": self._personal(name),
                    "missing": round(1 - column.given / self.rows, 6),
                    "unchanged": round(column.unchanged / column.given, 6) if column.given else 0.0,
                }
                for name, column in self.columns.items()
            },
            "anonymity": {
                "quasi_identifiers": list(self.masking.quasi_identifiers),
                "limit": self.masking.k,
                "k": min(whole, default=None),
                "classes": len(whole),
                "l_limit": self.masking.l,
                "l": min((len(seen) for (one, _), seen in self.values.items() if one not in few), default=None),
            }
            if self.masking.quasi_identifiers
            else None,
            "scan": {
                "kinds": list(self.masking.kinds),
                "found": {f"{where} {kind}": n for (where, kind), n in self.left.items()},
            },
        }

    def _row(self, masked: Masked, form: TableContent) -> None:
        before, after = masked.before, masked.after
        assert isinstance(before, dict) and isinstance(after, dict)
        words = {name: column for name, column in form.columns.items() if column.type in ("text", "category")}
        people = {name: str(before[name]) for name, column in words.items() if column.personal and before.get(name) is not None}
        for name, column in form.columns.items():
            self._compare(name, before.get(name), after[name])
            rule, value = self._rule(name), after[name]
            if value is None or rule in ("hash", "fake", "drop"):
                if rule == "hash" and value is not None and name in words and not HASH.fullmatch(value):
                    self.left[name, "no hash"] += 1
                continue
            if name in words and not column.choices:
                self._scan(name, value, masked.invented)
                low = value.casefold()
                if rule != "generalise" and any(
                    other != name and telling(one) and one.strip().casefold() in low for other, one in people.items()
                ):
                    self.left[name, "the value of a column about a person"] += 1
            elif column.type == "integer" and rule == "keep" and len(self.columns[name].numbers) < NUMBERS:
                self.columns[name].numbers.append(value)
        if self.masking.quasi_identifiers:
            mine = self.class_of(after)
            self.classes[mine] += 1
            for name in self.masking.sensitive:
                self.values[mine, name].add(after[name])

    def _compare(self, name: str, before: Any, after: Any) -> None:
        column = self.columns[name]
        column.given += after is not None
        column.unchanged += after is not None and before == after

    def _scan(self, name: str, text: str, invented: frozenset[str]) -> None:
        for one in find(text, self.masking.kinds, self.masking.regions):
            if text[one.start : one.end] not in invented:
                self.left[name, one.kind] += 1

    def _rule(self, name: str) -> str:
        rule: Part | None = self.masking.columns.get(name) or (self.masking.content if name == "content" else None)
        return str(getattr(rule, "rule", ""))

    def _personal(self, name: str) -> bool:
        return isinstance(self.form, TableContent) and name in self.form.columns and self.form.columns[name].personal
