"""Pages of listings: the cutting itself, and large listings through the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.local.data_server.paging import Page, after_all, cut

keys = st.text(alphabet="ab/가\ud7ff\U0010ffff", min_size=1, max_size=6)


@given(keys, keys)
def test_after_all_is_the_least_above_a_prefix(prefix: str, other: str) -> None:
    end = after_all(prefix)
    assert end is None or (end > prefix and not end.startswith(prefix) and end.encode())
    if other.startswith(prefix):
        assert end is None or other < end
    elif other > prefix:
        assert end is not None and other >= end


@given(st.sets(keys, max_size=30), st.sampled_from(["", "a", "a/", "가"]), st.sampled_from(["", "/", "b/"]), st.integers(1, 4))
@settings(max_examples=300)
def test_pages_together_are_the_whole_listing(names: set[str], prefix: str, delimiter: str, amount: int) -> None:
    expected: list[str] = []
    for key in sorted(k for k in names if k.startswith(prefix)):
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        shown = key if at < 0 else key[: at + len(delimiter)]
        if shown not in expected:
            expected.append(shown)

    def scan(start: str) -> Iterator[tuple[str, int]]:
        return ((k, 1) for k in sorted(names) if k >= start)

    found: list[str] = []
    after, more = "", True
    while more:
        page, more = cut(scan, Page(prefix, after, delimiter, amount))
        assert len(page) <= amount and (not more or len(page) == amount)
        found += [key for key, _ in page]
        after = found[-1] if found else ""
    assert found == sorted(expected)


@pytest.mark.integration
def test_large_listing(repository: Any) -> None:
    branch = repository.branch("main")
    paths = [f"p{i % 7}/{i:05}" for i in range(2500)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda path: branch.object(path).upload(path, pre_sign=False), paths))
    branch.delete_objects(paths[:300])
    staged = sorted(paths[300:])
    assert [o.path for o in branch.objects()] == staged
    branch.commit("committed")
    branch.object("p3/new").upload("new")
    branch.object(paths[400]).delete()
    expected = sorted({*staged, "p3/new"} - {paths[400]})
    assert [o.path for o in branch.objects()] == expected
    assert [o.path for o in branch.objects(delimiter="/")] == [f"p{i}/" for i in range(7)]
    assert [o.path for o in branch.objects(delimiter="/", after="p2/")] == [f"p{i}/" for i in range(3, 7)]
    assert [o.path for o in branch.objects(prefix="p3/")] == [p for p in expected if p.startswith("p3/")]
    assert [o.path for o in branch.objects(prefix="p3/", after=expected[1200], max_amount=5)] == [
        p for p in expected[1201:] if p.startswith("p3/")
    ][:5]
    api = repository._client.sdk_client.objects_api
    for amount, size in [(7, 7), (1000, 1000), (-1, 1000)]:
        page = api.list_objects(repository.id, "main", amount=amount)
        assert len(page.results) == size and page.pagination.has_more and page.pagination.next_offset == page.results[-1].path
    assert len(list(repository.ref("main@").diff("main~1", type="two_dot", prefix="p1/"))) == len(
        [p for p in staged if p[:2] == "p1"]
    )
    assert len(list(repository.ref("main~1").diff("main@", type="two_dot"))) == len(staged)
    for i in range(120):
        repository.branch(f"b{i:03}").create("main")
    assert [b.id for b in repository.branches(prefix="b")] == [f"b{i:03}" for i in range(120)]
    assert [b.id for b in repository.branches(after="b117")] == ["b118", "b119", "main"]
