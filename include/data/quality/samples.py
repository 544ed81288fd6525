"""Samples: some items of a round, the same ones each time, for people to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.data.quality.columns import LABEL, Columns

if TYPE_CHECKING:
    import numpy as np
    import pyarrow.parquet as pq

MAX_BYTES = 16 << 20  # larger contents are not shown


@dataclass(frozen=True)
class Sample:
    """One item.

    Attributes:
        key: the source's own.
        label: its label; None where nobody knows.
        content: its bytes.
    """

    key: str
    label: str | None
    content: bytes


def choose(columns: Columns, most: int, without: Iterable[int] = ()) -> list[int]:
    """Return the rows of at most ``most`` items: of each label the ones with the lowest ids, about as many of each.

    Args:
        columns: of the round.
        most: how many.
        without: rows that shall not be shown.
    """
    import numpy as np
    import pandas as pd

    kept = np.setdiff1d(np.arange(columns.count), np.fromiter(without, np.int64), assume_unique=True)
    if not len(kept):
        return []
    labels, _ = pd.factorize(columns.arrow(LABEL).to_numpy()[kept], use_na_sentinel=False)
    ids = first_bytes(columns)[kept]
    order = np.lexsort((ids, labels))
    begins = np.flatnonzero(np.diff(labels[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    chosen = order[np.lexsort((ids[order], rank))[:most]]
    chosen = chosen[np.lexsort((ids[chosen], labels[chosen]))]
    return [int(row) for row in kept[chosen]]


def first_bytes(columns: Columns) -> np.ndarray:
    """Return the first eight bytes of each item id as numbers (n,)."""
    import numpy as np

    ids = columns.ids()
    return np.frombuffer(ids.tobytes(), ">u8").reshape(-1, 2)[:, 0] if len(ids) else np.empty(0, ">u8")


def read(file: pq.ParquetFile, rows: Iterable[int]) -> list[Sample]:
    """Return some items of a round's table; what is too large to show is left out."""
    wanted = sorted(set(rows))
    found: dict[int, Sample] = {}
    begin = 0
    for group in range(file.num_row_groups):
        end = begin + file.metadata.row_group(group).num_rows
        here = [row - begin for row in wanted if begin <= row < end]
        if here:
            table = file.read_row_group(group, columns=["key", "label", "content"]).take(here)
            for row, one in zip(here, table.to_pylist(), strict=True):
                if one["content"] is not None and len(one["content"]) <= MAX_BYTES:
                    found[begin + row] = Sample(str(one["key"]), one["label"], one["content"])
        begin = end
    return [found[row] for row in rows if row in found]
