"""Lots: what a reader of one kind of content gives for a batch of items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from include.data.quality.columns import Measured

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass
class Lot:
    """What was measured of a batch of items.

    Attributes:
        arrays: a column for each `Measured` of the reader.
        signatures: what near-duplicates are found by, a row an item; None where the kind has none.
        unreadable: what is wrong with a content, by its place in the batch.
        wrong: what is wrong with single values, by place: a row with a value of another type.
        contexts: what labels must lie inside of, as `include.data.labels.problem` takes it.
    """

    arrays: dict[str, pa.Array]
    signatures: np.ndarray | None = None
    unreadable: dict[int, str] = field(default_factory=dict)
    wrong: dict[int, str] = field(default_factory=dict)
    contexts: Sequence[Any] | None = None


class Reader(Protocol):
    """Measures the items of one kind of content."""

    @property
    def measured(self) -> Sequence[Measured]:
        """Return the columns that it gives."""
        ...

    def read(self, contents: Sequence[bytes | None]) -> Lot:
        """Measure a batch."""
        ...

    def close(self, first: np.ndarray, second: np.ndarray, similarity: float) -> np.ndarray:
        """Tell of pairs of signatures whether their items are nearly equal."""
        ...

    def bands(self, signatures: np.ndarray, similarity: float) -> np.ndarray:
        """Return (n, b) uint64: nearly equal items have the same value in at least one of the b columns."""
        ...
