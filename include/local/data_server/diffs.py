"""Differences as the API lists them: between two references, and of a branch's uncommitted changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from include.local.data_server import compare, refs, tree
from include.local.data_server.compare import Difference
from include.local.data_server.errors import BadRequest
from include.local.data_server.paging import Page, cut
from include.local.data_server.store import Session

Change = tuple[str, Difference]


def uncommitted(session: Session, branch: str, page: Page) -> tuple[list[dict[str, object]], bool]:
    """Return one page of what a commit of the branch would change.

    Raises:
        NotFound: there is no such branch.
    """
    row = session.branch(branch)
    root = refs.load(session, row["head"]).tree
    found, more = cut(lambda start: ((d.path, d) for d in _staged(session, root, row["pk"], start)), page)
    return [_to_json(path, change, "") for path, change in found], more


def between(
    session: Session, left: str, right: str, kind: str, page: Page, *, right_stats: bool = False
) -> tuple[list[dict[str, object]], bool]:
    """Return one page of the differences between two references.

    Args:
        session: an open session.
        left: reference before; for ``three_dot`` the branch that would be merged into.
        right: reference after.
        kind: ``two_dot`` compares what the two hold (a branch on the right with its uncommitted changes);
            ``three_dot`` shows what the right changed since their common ancestor, and what conflicts.
        page: which part.
        right_stats: add the right side's record.

    Raises:
        BadRequest: unknown kind.
        NotFound: there is no such reference.
    """
    a, found = refs.commit_of(session, left), refs.resolve(session, right)
    b = refs.load(session, found.commit)
    conflicts: set[str] = set()

    def two_dot(start: str) -> Iterator[Change]:
        differences = compare.diff(session.nodes, a.tree, b.tree, start)
        if found.branch is not None:
            differences = _with_staged(session, differences, a.tree, found.branch, start)
        return ((d.path, d) for d in differences)

    def three_dot(start: str) -> Iterator[Change]:
        for change in compare.diff(session.nodes, base, b.tree, start):
            current = tree.get(session.nodes, a.tree, change.path)
            if compare.same(current, change.right):
                continue
            if not compare.same(current, change.left):
                conflicts.add(change.path)
            yield change.path, change

    if kind not in ("two_dot", "three_dot"):
        raise BadRequest(f"invalid diff type {kind!r}: use 'two_dot' or 'three_dot'")
    base = refs.merge_base(session, b, a).tree if kind == "three_dot" else ""
    changes, more = cut(two_dot if kind == "two_dot" else three_dot, page)
    return [_to_json(p, c, "conflict" if p in conflicts else "", right_stats=right_stats) for p, c in changes], more


def _staged(session: Session, root: str, branch: int, start: str) -> Iterator[Difference]:
    for path, entry in session.staged(branch, start):
        old = tree.get(session.nodes, root, path)
        if not compare.same(old, entry):
            yield Difference(path, old, entry)


def _with_staged(session: Session, differences: Iterable[Difference], left: str, branch: int, start: str) -> Iterator[Difference]:
    """Yield the differences with those of uncommitted paths put in place of the committed ones."""
    committed = iter(differences)
    head = next(committed, None)
    for path, entry in session.staged(branch, start):
        while head is not None and head.path < path:
            yield head
            head = next(committed, None)
        if head is not None and head.path == path:
            head = next(committed, None)
        old = tree.get(session.nodes, left, path)
        if not compare.same(old, entry):
            yield Difference(path, old, entry)
    while head is not None:
        yield head
        head = next(committed, None)


def _to_json(path: str, change: Difference | None, kind: str, *, right_stats: bool = False) -> dict[str, object]:
    if change is None:
        return {"type": "prefix_changed", "path": path, "path_type": "common_prefix"}
    shown = change.right or change.left
    assert shown is not None
    plain = "added" if change.left is None else "removed" if change.right is None else "changed"
    answer: dict[str, object] = {"type": kind or plain, "path": path, "path_type": "object", "size_bytes": shown.size}
    if right_stats and change.right is not None:
        right = change.right
        answer["right"] = {
            "checksum": right.checksum, "mtime": right.mtime, "content_type": right.content_type, "metadata": right.metadata,
        }  # fmt: skip
    return answer
