"""Counts are exact, the sample follows from the seed, and memory from the sample."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from include.explore import reading
from include.explore.reading import _Kept, draw, rank


def ids(count, salt=0):
    return [f"{number * 2654435761 % 2**64:016x}{salt:048x}" for number in range(count)]


def batch(names, size=10):
    return pa.table({"item_id": names, "content": pa.array([bytes(size)] * len(names), pa.large_binary())})


def kept(lots, most, seed=0):
    made = _Kept(most, seed)
    for one in lots:
        made.add(batch(one))
    return made.table()["item_id"].to_pylist()


def test_the_sample_does_not_hang_on_the_order_of_items():
    every = ids(5000)
    first = kept([every[at : at + 100] for at in range(0, 5000, 100)], 50)
    second = kept([every[::-1][at : at + 333] for at in range(0, 5000, 333)], 50)
    assert first == second == sorted(every, key=lambda one: int(rank([one], 0)[0]))[:50]
    assert kept([every], 50, seed=1) != first and kept([every], 9000)[:50] == first


def test_the_sample_holds_no_more_bytes_than_it_may(monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 200)
    every = ids(1000)
    assert kept([every[at : at + 10] for at in range(0, 1000, 10)], 500) == kept([every], 20)


def test_while_reading_little_more_than_the_sample_is_held():
    made, most = _Kept(50, 3), 0
    every = ids(20_000)
    for at in range(0, len(every), 20):
        made.add(batch(every[at : at + 20]))
        most = max(most, made._held)
    assert most <= 2 * 50 + 20 and made.table().num_rows == 50


def test_ranks_are_spread_evenly():
    found = rank(ids(20_000), 5).astype(np.float64) / 2**64
    assert abs(found.mean() - 0.5) < 0.01 and np.histogram(found, 10, (0, 1))[0].min() > 1800


@pytest.mark.integration
def test_counts_are_of_all_items_and_parts_of_the_split(place):
    there = place("digits")
    version = there.version("reading")
    whole = draw(there.settings, there.project, version, "whole", 100, 0, slots=True)
    counts = whole.counts
    assert (counts.items, counts.labelled, whole.rows.num_rows, whole.whole) == (1797, 1797, 100, False)
    assert sum(counts.classes.values()) == 1797 and counts.classes["3"] == 183
    assert counts.parts == {"train": 1257, "validation": 270, "test": 270}
    assert sum(counts.rounds.values()) == sum(counts.days.values()) == sum(counts.sources.values()) == 1797
    assert whole.contents.shape == (100, 8, 8) and 50 < whole.train.sum() < 90
    tests = draw(there.settings, there.project, version, "test", 5000, 0)
    assert tests.whole and tests.counts.items == 270 and not tests.train.any()
    again = draw(there.settings, there.project, version, "whole", 100, 0)
    assert again.rows["item_id"].to_pylist() == whole.rows["item_id"].to_pylist()
    other = draw(there.settings, there.project, version, "whole", 100, 1)
    assert Counter(other.labels) != Counter(whole.labels)
