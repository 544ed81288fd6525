"""Examples for the reference of project.yaml, as the shipped projects write them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import yaml

from include.projects.project import list_projects, load_project
from include.projects.reading import Document, read
from include.settings import ROOT

PROJECTS = ROOT / "include" / "projects"
SHIPPED = (  # in the order in which they are looked at; what somebody else made is no part of the reference
    "digits",
    "support_tickets",
    "breast_masses",
    "co2_levels",
    "shelf_photos",
    "wine_cultivars",
    "digit_maps",
    "flower_groups",
    "pole_balance",
)
LONGEST = 16  # lines of an example


class Examples:
    """Sections as the shipped projects write them; each of these projects can be loaded."""

    def __init__(self) -> None:
        there = list_projects(PROJECTS)
        self.files: dict[str, tuple[Document, list[str]]] = {}
        for name in (name for name in SHIPPED if name in there):
            path = load_project(name, PROJECTS).folder / "project.yaml"
            self.files[path.relative_to(ROOT).as_posix()] = (read(path), path.read_text(encoding="utf-8").splitlines())

    def of(self, place: str, choice: str = "") -> tuple[str, str] | None:
        """Return the file and the lines of the first short example of a section.

        Args:
            place: path of the section; ``*`` is any name, ``[]`` any place of a list.
            choice: key and value that choose the section, such as ``kind: sql``.
        """
        key, _, tag = choice.partition(": ")
        for file, (document, lines) in self.files.items():
            for begin, node in _found(document.root, [part for part in re.split(r"\.|(?=\[\])", place) if part]):
                if tag and dict(_texts(node)).get(key) != tag:
                    continue
                # A block ends where the next key begins; what stands between belongs to that one.
                block = isinstance(node, yaml.CollectionNode) and not node.flow_style
                found = lines[begin : node.end_mark.line + (not block)]
                while found and (not found[-1].strip() or found[-1].lstrip().startswith("#")):
                    found.pop()
                text = "\n".join(found)
                if place and text.count("\n") < LONGEST:
                    return file, textwrap.dedent(text)
        return None


def _found(node: yaml.Node, way: list[str], begin: int = 0) -> Iterator[tuple[int, yaml.Node]]:
    """Yield the first line (from 0) and node of each value at a path."""
    if not way:
        yield begin, node
    elif way[0] == "[]" and isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _found(value, way[1:], value.start_mark.line)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if way[0] in ("*", key.value):
                yield from _found(value, way[1:], key.start_mark.line)


def _texts(node: yaml.Node) -> Iterator[tuple[str, str]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(value, yaml.ScalarNode):
                yield key.value, value.value
