"""The prolly tree against a plain dictionary."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.local.data_server import tree
from include.local.data_server.compare import MergeConflict, diff, merge
from include.local.data_server.tree import EMPTY, Entry, Node


class Memory:
    """Keeps nodes in a dictionary, as bytes, and counts how many were read."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.read: list[str] = []
        self.written = 0

    def get(self, name: str) -> Node:
        self.read.append(name)
        return Node.from_bytes(self.kept[name])

    def put(self, node: Node) -> str:
        name = node.name()
        self.kept[name] = node.to_bytes()
        self.written += 1
        return name


def entry(text: object, mtime: int = 1) -> Entry:
    return Entry(sha256(str(text).encode()).hexdigest(), len(str(text)), mtime, "text/plain", {}, "0" * 32)


def items(nodes: Memory, root: str, start: str = "") -> dict[str, Entry]:
    return dict(tree.scan(nodes, root, start))


def build(nodes: Memory, content: dict[str, Entry]) -> str:
    return tree.apply(nodes, EMPTY, sorted(content.items()))


@pytest.fixture(params=[(4, 2, 8), (128, 16, 512)], ids=["small nodes", "real nodes"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(("FANOUT", "SMALLEST", "LARGEST"), request.param, strict=True):
        monkeypatch.setattr(tree, name, value)


keys = st.one_of(
    st.integers(0, 300).map(lambda n: f"k/{n:03}"), st.text(min_size=1, max_size=4).filter(lambda t: t.isprintable())
)
edits = st.dictionaries(keys, st.one_of(st.none(), st.integers(0, 3)), max_size=60)


@given(batches=st.lists(edits, min_size=1, max_size=6), start=keys)
@settings(max_examples=150, deadline=None)
def test_edits_read_back_and_equal_content_has_one_root(batches: list[dict[str, int | None]], start: str) -> None:
    old = tree.FANOUT, tree.SMALLEST, tree.LARGEST
    tree.FANOUT, tree.SMALLEST, tree.LARGEST = 4, 2, 8
    try:
        nodes, root, model = Memory(), EMPTY, dict[str, Entry]()
        roots = [(root, dict(model))]
        for batch in batches:
            root = tree.apply(nodes, root, [(k, None if v is None else entry(v)) for k, v in sorted(batch.items())])
            for key, value in batch.items():
                model.pop(key, None) if value is None else model.__setitem__(key, entry(value))
            roots.append((root, dict(model)))
        assert list(tree.scan(nodes, root)) == sorted(model.items())
        assert root == build(nodes, model)
        assert items(nodes, root, start) == {k: v for k, v in model.items() if k >= start}
        assert all(tree.get(nodes, root, key) == model.get(key) for key in [*model, start, "", "\U0010ffff"])
        for before, was in roots:
            found = [tuple(d) for d in diff(nodes, before, root, start)]
            paths = sorted(k for k in was.keys() | model.keys() if k >= start and was.get(k) != model.get(k))
            assert found == [(k, was.get(k), model.get(k)) for k in paths]
    finally:
        tree.FANOUT, tree.SMALLEST, tree.LARGEST = old


def test_random_edits_of_a_large_tree(sizes: None) -> None:
    rng = random.Random(7)
    nodes = Memory()
    model = {f"{rng.randrange(10**6):06}": entry(i) for i in range(3000)}
    root = build(nodes, model)
    for _ in range(30):
        changes: dict[str, Entry | None] = {}
        for _ in range(rng.choice([1, 5, 200])):
            key = rng.choice(list(model)) if model and rng.random() < 0.6 else f"{rng.randrange(10**6):06}~"
            changes[key] = None if rng.random() < 0.5 else entry(rng.random())
        root = tree.apply(nodes, root, sorted(changes.items()))
        for key, value in changes.items():
            model.pop(key, None) if value is None else model.__setitem__(key, value)
        assert items(nodes, root) == model
        assert root == build(nodes, model)
    assert tree.apply(nodes, root, [(k, None) for k in sorted(model)]) == EMPTY


def test_appending_past_the_end_in_several_runs(sizes: None) -> None:
    nodes, root, model = Memory(), EMPTY, dict[str, Entry]()
    for run in range(40):
        batch = {f"{run:03}/{i:03}": entry(i) for i in range(37)}
        model |= batch
        root = tree.apply(nodes, root, sorted(batch.items()))
    assert items(nodes, root) == model
    assert root == build(nodes, model)


def test_writing_the_same_object_again_changes_nothing() -> None:
    nodes = Memory()
    root = build(nodes, {"a": entry(1, mtime=1), "b": entry(2, mtime=1)})
    assert tree.apply(nodes, root, [("a", entry(1, mtime=9)), ("c", None)]) == root
    changed = tree.apply(nodes, root, [("a", entry(1, mtime=9)), ("b", entry(3, mtime=9))])
    assert tree.get(nodes, changed, "a").mtime == 1


def test_cost_follows_the_change() -> None:
    nodes = Memory()
    root = build(nodes, {f"data/{i:06}": entry(i) for i in range(50_000)})
    nodes.read.clear()
    nodes.written = 0
    changed = tree.apply(nodes, root, [(f"data/{i:06}", entry("new")) for i in range(0, 50_000, 5_000)])
    assert nodes.written < 60 and len(nodes.read) < 120
    nodes.read.clear()
    assert len(list(diff(nodes, root, changed))) == 10
    assert len(nodes.read) < 120
    nodes.read.clear()
    assert len(list(zip(range(5), tree.scan(nodes, root, "data/049000"), strict=False))) == 5
    assert len(nodes.read) < 8


def test_merge_takes_both_sides_and_finds_conflicts() -> None:
    nodes = Memory()
    base = build(nodes, {k: entry(k) for k in "abcdef"})
    source = tree.apply(nodes, base, [("a", entry("s")), ("b", None), ("n", entry("n")), ("same", entry("x"))])
    target = tree.apply(nodes, base, [("c", entry("t")), ("m", entry("m")), ("same", entry("x"))])
    merged = items(nodes, merge(nodes, base, source, target))
    assert merged == {
        "a": entry("s"), "c": entry("t"), "d": entry("d"), "e": entry("e"), "f": entry("f"),
        "m": entry("m"), "n": entry("n"), "same": entry("x"),
    }  # fmt: skip
    fight = tree.apply(nodes, target, [("a", entry("t")), ("b", entry("t"))])
    with pytest.raises(MergeConflict) as caught:
        merge(nodes, base, source, fight)
    assert caught.value.paths == ["a", "b"] and caught.value.count == 2
    assert items(nodes, merge(nodes, base, source, fight, "source-wins"))["a"] == entry("s")
    assert items(nodes, merge(nodes, base, source, fight, "dest-wins"))["b"] == entry("t")
    assert merge(nodes, base, source, base) == source
    assert merge(nodes, base, base, target) == target
