"""Earlier rounds: what was there before, and what is close to items that models are tested on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from include.data.items import item_ids
from include.data.quality import near
from include.data.quality.arrays import ArrayReader
from include.data.quality.history import Earlier
from include.data.quality.neighbours import pairs
from tests.include.data.quality.conftest import by_name, project_of, rows_of

ARRAY = {"dtype": "uint8", "shape": [8, 8], "range": [0, 16]}


def images(count: int, seed: int = 0) -> list[bytes]:
    return [one.tobytes() for one in np.random.default_rng(seed).integers(0, 17, (count, 64), dtype=np.uint8)]


def noisy(content: bytes) -> bytes:
    values = np.frombuffer(content, np.uint8).copy()
    values[5] = (values[5] + 1) % 17
    return values.tobytes()


def earlier_of(contents: list[bytes], tested: list[int]) -> Earlier:
    form = project_of(ARRAY).data.content
    ids = np.array([bytes.fromhex(one)[:16] for one in item_ids(contents, form)], "S16")
    signatures = ArrayReader(form).read(contents).signatures
    return Earlier(ids, ids, signatures, 1, lambda: {bytes(ids[place]) for place in tested})


def test_repeated_and_leaked_items(assess: Any) -> None:
    old = images(100)
    new = images(50, seed=1)
    new[3], new[9] = old[7], old[8]
    new[12], new[13], new[14] = noisy(old[20]), noisy(old[21]), noisy(old[22])
    project = project_of(ARRAY, quality={"max_leaked": 0.0, "max_repeated": 0.02})
    checks = by_name(assess(project, rows_of(new), earlier_of(old, tested=[7, 20, 21, 50])))
    assert not checks["repeated_from_earlier"]["ok"] and checks["repeated_from_earlier"]["examples"] == ["4", "10"]
    assert not checks["leakage"]["ok"] and checks["leakage"]["value"] == 0.04 and checks["leakage"]["examples"] == ["13", "14"]
    assert checks["near_duplicates"]["value"] == 0
    free = by_name(assess(project_of(ARRAY), rows_of(new), earlier_of(old, tested=[])))
    assert free["leakage"]["ok"] and free["leakage"]["value"] == 0


def test_rounds_of_before_there_were_signatures(assess: Any) -> None:
    old = images(40)
    before = earlier_of(old, tested=[1])
    before.signatures = None
    checks = by_name(assess(project_of(ARRAY), rows_of([*old[:5], noisy(old[6])]), before))
    assert checks["repeated_from_earlier"]["value"] == round(5 / 6, 6) and checks["leakage"]["value"] == 0


def test_the_test_part_is_asked_for_only_where_needed(assess: Any) -> None:
    before = earlier_of(images(40), tested=[])
    before.tested = lambda: pytest.fail("nothing is close")
    assess(project_of(ARRAY), rows_of(images(40, seed=3)), before)


def test_a_crowd_of_equals_takes_no_time() -> None:
    form = project_of(ARRAY).data.content
    reader = ArrayReader(form)
    signatures = np.zeros((60_000, 64), np.uint8)
    signatures[:, 0] = np.arange(60_000) % 7
    found = pairs(reader, signatures, 0.9)
    assert len(np.unique(found[:, 1])) == 59_999 and len(found) < 60_000 * 150


def test_pairs_are_those_that_comparing_all_gives() -> None:
    random = np.random.default_rng(9)
    reader = ArrayReader(project_of(ARRAY).data.content)
    base = random.integers(0, 256, (1500, 64)).astype(np.uint8)
    moved = np.clip(base[:150].astype(int) + random.integers(-8, 9, (150, 64)), 0, 255).astype(np.uint8)
    signatures = np.concatenate([base, moved])
    every = [
        (i, j)
        for i in range(len(signatures))
        for j in np.flatnonzero(reader.close(signatures[i][None], signatures, 0.9))
        if i < j
    ]
    found = {tuple(map(int, pair)) for pair in pairs(reader, signatures, 0.9)}
    assert len(every) == 150 and found <= set(every) and len(found) >= 0.95 * len(every)


def test_only_so_many_are_compared(assess: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "MOST", 30)
    check = by_name(assess(project_of(ARRAY), rows_of(images(50))))["near_duplicates"]
    assert check["warnings"] == ["only the first 30 items were compared"]
