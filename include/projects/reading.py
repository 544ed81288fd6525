"""Reading the YAML of a project.yaml: what is no text, no YAML, far too much or said twice is told with its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LARGEST = 1 << 20  # bytes
DEEPEST = 60  # levels
MOST = 100_000  # values, those counted that aliases repeat

Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is about eight times as fast
Way = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """What is wrong at one place of the file; ``line`` counts from 1, 0 means the file as a whole."""

    line: int
    text: str


class Unreadable(ValueError):
    """A file without usable YAML in it."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(one.text for one in problems))


@dataclass(frozen=True)
class Document:
    """A file that was read.

    Attributes:
        values: what it says.
        root: the YAML node, which knows the lines.
    """

    values: dict[str, Any]
    root: yaml.MappingNode

    def line(self, way: Sequence[str | int]) -> int:
        """Return the line of a value, of its key where it has one; of what is nearest above where there is none."""
        return self._find(way)[0]

    def holds(self, way: Sequence[str | int]) -> bool:
        """Tell whether the file says something there."""
        return self._find(way)[1] == len(way)

    def _find(self, way: Sequence[str | int]) -> tuple[int, int]:
        """Return the line of the last part of a way that is there, and how many parts are."""
        node: yaml.Node = self.root
        line = 1
        for number, part in enumerate(way):
            found = _child(node, part)
            if found is None:
                return line, number
            line, node = found
        return line, len(way)


def read(path: Path) -> Document:
    """Read a file.

    Raises:
        Unreadable: it is too large, no UTF-8, no YAML, no mapping, too deep, or says one key twice.
        OSError: it cannot be read at all.
    """
    text = _text(path)
    try:
        _depth(text)
        loader = Loader(text)
        try:
            root = loader.get_single_node()
            if not isinstance(root, yaml.MappingNode):
                raise Unreadable(Problem(1, "must be a mapping that begins with name, title, domain, ..."))
            if problems := list(_judged(root)):
                raise Unreadable(*problems)
            values = loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.YAMLError as cause:
        raise Unreadable(_syntax(cause, text)) from cause
    return Document(values, root)


def _text(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGEST:
        advice = "Data belongs to data.source, words into data.dictionaries"
        raise Unreadable(Problem(0, f"is {size / LARGEST:.1f} MiB large, and 1 MiB is the most. {advice}"))
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(Problem(1, "not readable as YAML in UTF-8: it is UTF-16. Save it as UTF-8"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        line = content.count(b"\n", 0, cause.start) + 1
        problem = (
            f"not readable as YAML in UTF-8: byte 0x{content[cause.start]:02x} is none of it (is it CP949?). Save it as UTF-8"
        )
        raise Unreadable(Problem(line, problem)) from cause


def _depth(text: str) -> None:
    """Refuse what is nested so deeply that libyaml's composer would break the process; this reads event by event."""
    depth = 0
    for event in yaml.parse(text, Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise Unreadable(Problem(line, f"is nested more than {DEEPEST} levels deep. Make it flat"))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _judged(root: yaml.MappingNode) -> Iterator[Problem]:
    """Yield keys that are said twice, keys that are no text at the top, and what aliases blow up."""
    for key, _ in root.value:
        if isinstance(key, yaml.ScalarNode) and not key.tag.endswith((":str", ":merge")):
            yield Problem(
                key.start_mark.line + 1, f"{key.value}: keys must be text. Write '{key.value}' in quotes, or another key"
            )
    sizes: dict[int, int] = {}
    problems: list[Problem] = []
    _size(root, (), sizes, problems)
    yield from problems


def _size(node: yaml.Node, way: Way, sizes: dict[int, int], problems: list[Problem]) -> int:
    """Return how many values a node holds with all that its aliases repeat; look for keys that are there twice."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in sizes:
        if not sizes[id(node)]:
            problems.append(
                Problem(node.start_mark.line + 1, f"{_said(way)}: an alias repeats what it is a part of. Write it out")
            )
        return sizes[id(node)] or 1
    sizes[id(node)] = 0  # until it is known
    total = 1
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            line = key.start_mark.line + 1
            if isinstance(name, str) and name in seen and name != "<<":
                problems.append(
                    Problem(line, f"{_said((*way, name))}: is there twice, in line {seen[name]} too. Keep one of them")
                )
            if isinstance(name, str):
                seen.setdefault(name, line)
            total += _size(key, way, sizes, problems) + _size(value, (*way, name), sizes, problems)
    else:
        for place, value in enumerate(node.value):
            total += _size(value, (*way, place), sizes, problems)
    if total > MOST and not problems:
        problems.append(
            Problem(node.start_mark.line + 1, f"{_said(way)}: holds more than {MOST:,} values. Aliases repeat what they name")
        )
    sizes[id(node)] = total
    return total


def _said(way: Sequence[str | int]) -> str:
    return ".".join(map(str, way)) or "project"


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # The last of equal keys: those that a merge brings stand in front.
        for key, value in reversed(node.value):
            if str(key.value) == str(part):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and str(part).isdigit() and int(part) < len(node.value):
        value = node.value[int(part)]
        return value.start_mark.line + 1, value
    return None


def _syntax(cause: yaml.YAMLError, text: str) -> Problem:
    """Return what is wrong with the YAML, with line and column, and what to look at."""
    mark = getattr(cause, "problem_mark", None) or getattr(cause, "context_mark", None)
    what = getattr(cause, "problem", None) or " ".join(str(cause).split())
    if mark is None:
        return Problem(1, f"not readable as YAML: {what}")
    lines = text.splitlines()
    here = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())] or "'\\t'" in what:
        advice = "A tab stands in front of it: indent by spaces"
    elif "could not determine a constructor" in what:
        advice = "Tags are not taken: write plain values"
    elif "another document" in what:
        advice = "One document is all there may be: take '---' out"
    elif "mapping values are not allowed" in what:
        advice = "Put a text that holds ': ' in quotes, or begin a new line with the right indentation"
    else:
        advice = "Look at this line and the one above: indentation, quotes, brackets, a colon and a space behind each key"
    return Problem(mark.line + 1, f"column {mark.column + 1}: not readable as YAML: {what}. {advice}")
