"""What differs between two trees, and what comes of merging three; equal subtrees are skipped by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from include.local.data_server.tree import EMPTY, Edit, Entry, Nodes, apply, get


class Difference(NamedTuple):
    """One path that differs; None on a side means that it is not there."""

    path: str
    left: Entry | None
    right: Entry | None


class _Subtree(NamedTuple):
    last: str
    name: str
    level: int


class _Item(NamedTuple):
    path: str
    entry: Entry


class _Side:
    """One tree, unfolded only where it has to be: a stack of subtrees and entries, the next one last."""

    def __init__(self, nodes: Nodes, root: str, start: str) -> None:
        self.nodes, self.start = nodes, start
        self.stack: list[_Subtree | _Item] = []
        if root:
            top = nodes.get(root)
            self.stack.append(_Subtree(top.keys[-1], root, top.level))

    def head(self) -> _Subtree | _Item | None:
        """Return what comes next, without what lies before the start."""
        while self.stack:
            head = self.stack[-1]
            if (head.last if isinstance(head, _Subtree) else head.path) >= self.start:
                return head
            self.stack.pop()
        return None

    def unfold(self) -> None:
        """Replace the subtree on top by what it holds."""
        subtree = self.stack.pop()
        assert isinstance(subtree, _Subtree)
        node = self.nodes.get(subtree.name)
        pairs = zip(reversed(node.keys), reversed(node.values), strict=True)
        if node.level:
            self.stack.extend(_Subtree(key, name, node.level - 1) for key, name in pairs)
        else:
            self.stack.extend(_Item(key, entry) for key, entry in pairs)


def diff(nodes: Nodes, left: str, right: str, start: str = "") -> Iterator[Difference]:
    """Yield what differs from ``left`` to ``right`` in order of paths.

    Args:
        nodes: where both trees' nodes are kept.
        left: root of the tree before.
        right: root of the tree after.
        start: paths below it are left out, and so are the subtrees that hold only such.
    """
    a, b = _Side(nodes, left, start), _Side(nodes, right, start)
    while True:
        x, y = a.head(), b.head()
        if x is None and y is None:
            return
        if isinstance(x, _Subtree) or isinstance(y, _Subtree):
            if isinstance(x, _Subtree) and isinstance(y, _Subtree):
                if x.name == y.name:
                    a.stack.pop()
                    b.stack.pop()
                    continue
                if x.level >= y.level:
                    a.unfold()
                if y.level >= x.level:
                    b.unfold()
            else:
                (a if isinstance(x, _Subtree) else b).unfold()
            continue
        if y is None or (x is not None and x.path < y.path):
            assert x is not None
            a.stack.pop()
            yield Difference(x.path, x.entry, None)
        elif x is None or y.path < x.path:
            b.stack.pop()
            yield Difference(y.path, None, y.entry)
        else:
            a.stack.pop()
            b.stack.pop()
            if not x.entry.same(y.entry):
                yield Difference(x.path, x.entry, y.entry)


class MergeConflict(Exception):
    """Both sides changed the same paths in different ways.

    Args:
        paths: the first conflicting paths.
        count: how many there are in all.
    """

    def __init__(self, paths: list[str], count: int) -> None:
        super().__init__(f"{count} conflicting paths")
        self.paths = paths
        self.count = count


def same(a: Entry | None, b: Entry | None) -> bool:
    """Whether both sides hold the same object or both hold none."""
    return b is None if a is None else a.same(b)


def merge(nodes: Nodes, base: str, source: str, target: str, strategy: str = "") -> str:
    """Return the root of ``target`` with the changes from ``base`` to ``source`` applied.

    Args:
        nodes: where nodes are read and kept.
        base: root of the common ancestor.
        source: root of the side whose changes are taken.
        target: root of the side they are applied to.
        strategy: ``source-wins``, ``dest-wins``, or empty to fail where both sides changed a path.

    Raises:
        MergeConflict: without strategy, when both changed the same path differently.
    """
    if base == target or source == target:
        return source
    if base == source:
        return target
    edits: list[Edit] = []
    conflicts: list[str] = []
    count = 0
    for path, before, after in diff(nodes, base, source):
        current = get(nodes, target, path)
        if same(current, after):
            continue
        if same(current, before) or strategy == "source-wins":
            edits.append((path, after))
        elif strategy != "dest-wins":
            count += 1
            if len(conflicts) < 100:
                conflicts.append(path)
    if count:
        raise MergeConflict(conflicts, count)
    return apply(nodes, target or EMPTY, edits)
