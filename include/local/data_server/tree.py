"""The prolly tree: a sorted map from path to entry, made of immutable nodes named by their content.

Level 0 nodes (leaves) hold entries; a node of level ``n + 1`` maps the last key of each node of level ``n`` to
its id. Nodes are cut after a key whose hash falls into one of :data:`FANOUT` classes, never before
:data:`SMALLEST` and always at :data:`LARGEST` items. Where a cut lies depends only on the keys since the cut
before, so an edit moves cuts only until they meet an old one again, and the same map always has the same root.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any, NamedTuple, Protocol

import orjson

FANOUT = 128
SMALLEST = 16
LARGEST = 512
EMPTY = ""


class Entry(NamedTuple):
    """One object's record: everything but its path and its bytes."""

    sha: str
    size: int
    mtime: int
    content_type: str
    metadata: dict[str, str]
    checksum: str

    def same(self, other: Entry | None) -> bool:
        """Whether both stand for the same object; the time of writing does not count."""
        return (
            other is not None
            and self.sha == other.sha
            and self.content_type == other.content_type
            and self.metadata == other.metadata
        )


@dataclass(frozen=True, slots=True)
class Node:
    """An immutable node; ``values`` are entries in a leaf and ids of children above."""

    level: int
    keys: list[str]
    values: list[Any]

    def name(self) -> str:
        """Return the node's id, the hash of what it says (times of writing left out)."""
        if self.level:
            said: list[Any] = self.values
        else:
            said = [(e.sha, e.content_type, e.metadata) for e in self.values]
        return sha256(orjson.dumps([self.level, self.keys, said], option=orjson.OPT_SORT_KEYS)).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the node's stored form."""
        return orjson.dumps([self.level, self.keys, [list(v) if self.level == 0 else v for v in self.values]])

    @classmethod
    def from_bytes(cls, data: bytes) -> Node:
        """Return the node that :meth:`to_bytes` wrote."""
        level, keys, values = orjson.loads(data)
        return cls(level, keys, values if level else [Entry(*v) for v in values])


class Nodes(Protocol):
    """Where nodes are kept."""

    def get(self, name: str) -> Node:
        """Return the node of that id."""
        ...

    def put(self, node: Node) -> str:
        """Keep a node and return its id."""
        ...


Edit = tuple[str, Any]


class _Cutter:
    """Collects sorted items of one level and cuts them into nodes."""

    def __init__(self, nodes: Nodes, level: int) -> None:
        self.nodes, self.level = nodes, level
        self.keys: list[str] = []
        self.values: list[Any] = []
        self.made: list[tuple[str, str]] = []

    def feed(self, key: str, value: Any) -> None:
        self.keys.append(key)
        self.values.append(value)
        count = len(self.keys)
        if count >= LARGEST or (count >= SMALLEST and _is_cut(self.level, key)):
            self.flush()

    def flush(self) -> None:
        if self.keys:
            self.made.append((self.keys[-1], self.nodes.put(Node(self.level, self.keys, self.values))))
            self.keys, self.values = [], []


def _is_cut(level: int, key: str) -> bool:
    digest = blake2b(key.encode(), digest_size=4, salt=level.to_bytes(2, "big")).digest()
    return int.from_bytes(digest, "big") % FANOUT == 0


def apply(nodes: Nodes, root: str, edits: Iterable[Edit]) -> str:
    """Return the root of the tree after ``edits``; the old tree stays as it was.

    Args:
        nodes: where nodes are read and kept.
        root: id of the root node, :data:`EMPTY` for an empty tree.
        edits: (path, entry or None to remove) sorted by path, each path once. An entry that stands for the
            same object as the old one changes nothing.
    """
    pending: list[Edit] = list(edits)
    level = 0
    items: dict[str, Any] = {}
    if root:
        top = nodes.get(root)
        while pending and level <= top.level:
            pending = _apply_level(nodes, root, level, pending)
            level += 1
        if not pending:
            return root
        items[top.keys[-1]] = root
    for key, value in pending:
        if value is None:
            items.pop(key, None)
        else:
            items[key] = value
    found = sorted(items.items())
    while found and (level == 0 or len(found) > 1):
        cutter = _Cutter(nodes, level)
        for key, value in found:
            cutter.feed(key, value)
        cutter.flush()
        found = cutter.made
        level += 1
    if not found:
        return EMPTY
    new = str(found[0][1])
    while (node := nodes.get(new)).level and len(node.keys) == 1:
        new = str(node.values[0])
    return new


def _apply_level(nodes: Nodes, root: str, level: int, edits: list[Edit]) -> list[Edit]:
    """Apply edits to one level and return the edits that this means for the level above."""
    removed: dict[str, str] = {}
    cutter = _Cutter(nodes, level)
    end = nodes.get(root).keys[-1]
    done = 0
    while done < len(edits):
        past = edits[done][0] > end and end in removed
        for last, name in () if past else _nodes_from(nodes, root, level, edits[done][0]):
            removed[last] = name
            node = nodes.get(name)
            upto = done
            while upto < len(edits) and edits[upto][0] <= last:
                upto += 1
            for key, value in _overlay(node, edits[done:upto]):
                cutter.feed(key, value)
            done = upto
            if not cutter.keys:
                break
        else:
            for key, value in edits[done:]:
                if value is not None:
                    cutter.feed(key, value)
            done = len(edits)
    cutter.flush()
    above: dict[str, str | None] = dict.fromkeys(removed)
    for last, name in cutter.made:
        if removed.get(last) == name:
            del above[last]
        else:
            above[last] = name
    return sorted(above.items())


def _overlay(node: Node, edits: list[Edit]) -> Iterator[Edit]:
    position = 0
    for key, value in edits:
        upto = bisect_left(node.keys, key, position)
        yield from zip(node.keys[position:upto], node.values[position:upto], strict=True)
        position = upto
        if position < len(node.keys) and node.keys[position] == key:
            old = node.values[position]
            position += 1
            if value is not None:
                yield key, old if isinstance(value, Entry) and value.same(old) else value
        elif value is not None:
            yield key, value
    yield from zip(node.keys[position:], node.values[position:], strict=True)


def _nodes_from(nodes: Nodes, root: str, level: int, key: str) -> Iterator[tuple[str, str]]:
    """Yield (last key, id) of the level's nodes from the one where ``key`` belongs, the last one if it is past all."""
    top = nodes.get(root)
    yield from _walk(nodes, top, root, level, min(key, top.keys[-1]))


def _walk(nodes: Nodes, node: Node, name: str, level: int, key: str) -> Iterator[tuple[str, str]]:
    if node.level == level:
        yield node.keys[-1], name
        return
    for index in range(bisect_left(node.keys, key), len(node.keys)):
        if node.level == level + 1:
            yield node.keys[index], node.values[index]
        else:
            yield from _walk(nodes, nodes.get(node.values[index]), node.values[index], level, key)


def get(nodes: Nodes, root: str, key: str) -> Entry | None:
    """Return the entry of one path, None where there is none."""
    while root:
        node = nodes.get(root)
        index = bisect_left(node.keys, key)
        if index == len(node.keys):
            return None
        if node.level == 0:
            return node.values[index] if node.keys[index] == key else None
        root = node.values[index]
    return None


def scan(nodes: Nodes, root: str, start: str = "") -> Iterator[tuple[str, Entry]]:
    """Yield (path, entry) in order from the first path not below ``start``; nodes are read as they are reached."""
    if not root:
        return
    for _, name in _nodes_from(nodes, root, 0, start):
        leaf = nodes.get(name)
        first = bisect_left(leaf.keys, start)
        yield from zip(leaf.keys[first:], leaf.values[first:], strict=True)
