"""Earlier rounds: what of a round was there before, and what is close to items that models are tested on.

Beside each round lies ``marks.parquet`` with the ids and signatures of its items, so that a new round is compared
with old ones without reading their contents again.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.clients.lakefs import DataNotFound, DataRepository
from include.data import items, rounds
from include.data.errors import ReferenceFault
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np

MARKS = "marks.parquet"
MOST = 300_000  # items of earlier rounds that a new one is compared with, newest first: bounds time and memory
KINDS = ("collected", "operating", "sample")  # the rounds that hold items of their own


@dataclass
class Earlier:
    """Items of earlier rounds.

    Attributes:
        ids: first 16 bytes of each item id, ``S16`` (m,).
        marked: ids of those that have a signature, ``S16`` (k,).
        signatures: theirs, (k, ...) uint8, uint32 or uint64 as the kind of content has them; None where none has one.
        rounds: how many rounds they are of.
        tested: gives the ids of the test part of the newest split; asked only where an item is close to an old one.
    """

    ids: np.ndarray
    marked: np.ndarray
    signatures: np.ndarray | None
    rounds: int = 0
    tested: Callable[[], set[bytes]] = field(default=set)


def earlier(settings: Settings, project: Project, repo: DataRepository, ref: str, number: int) -> Earlier:
    """Return the items of the rounds before one.

    Args:
        settings: of the data server.
        project: whose.
        repo: its repository.
        ref: where the rounds lie.
        number: of the round that shall be compared; it is left out.
    """
    import numpy as np

    ids: list[np.ndarray] = []
    marked: list[np.ndarray] = []
    signatures: list[np.ndarray] = []
    for one in reversed([n for n in rounds.numbers(repo, ref) if n != number]):
        if sum(map(len, ids)) >= MOST:
            break
        if rounds.describe(repo, ref, one)["kind"] in KINDS:
            its, marks = _marks(repo, ref, one)
            ids.append(its)
            # What was measured in another way, under an earlier form of content, cannot be compared.
            if marks is not None and (not signatures or _alike(marks, signatures[0])):
                marked.append(its)
                signatures.append(marks)
    nothing = [np.empty(0, "S16")]
    return Earlier(
        np.concatenate(ids or nothing)[:MOST],
        np.concatenate(marked or nothing)[:MOST],
        np.concatenate(signatures)[:MOST] if signatures else None,
        len(ids),
        lambda: _tested(settings, project, repo),
    )


def marks(ids: np.ndarray, signatures: np.ndarray | None) -> bytes:
    """Return what is kept beside a round: ids (n,) and signatures (n, ...) as Parquet."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, pa.py_buffer(ids.tobytes())])}
    about = {}
    if signatures is not None:
        flat = np.ascontiguousarray(signatures)
        width = flat[:1].nbytes if len(flat) else 1
        columns["signature"] = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(width), len(flat), [None, pa.py_buffer(flat.tobytes())]
        )
        about = {"dtype": str(flat.dtype), "cells": str(flat.shape[1])}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata(about), sink, compression="zstd")
    return sink.getvalue()


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape[1:] == other.shape[1:]


def _marks(repo: DataRepository, ref: str, number: int) -> tuple[np.ndarray, np.ndarray | None]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(repo.get(ref, rounds.folder(number) + MARKS)))
    except DataNotFound:  # a round from before there were marks
        ids = items.read(repo, ref, rounds.items_path(number), ["item_id"])["item_id"].to_pylist()
        return np.array([bytes.fromhex(one)[:16] for one in ids], "S16"), None
    except (pa.ArrowException, OSError):  # what cannot be read is no reason to refuse another round
        return np.empty(0, "S16"), None
    ids = np.array(table["id"].to_pylist(), "S16")
    if "signature" not in table.column_names:
        return ids, None
    about = table.schema.metadata
    dtype, cells = about[b"dtype"].decode(), int(about[b"cells"])
    raw = b"".join(table["signature"].to_pylist())
    return ids, np.frombuffer(raw, dtype).reshape(len(ids), cells)


def _tested(settings: Settings, project: Project, repo: DataRepository) -> set[bytes]:
    """Return the ids of the test part of the newest split; empty where there is none yet."""
    from include.data.parts import open_split
    from include.data.split_views import find_split

    try:
        opened = open_split(settings, find_split(settings, project, repo.zone))
    except ReferenceFault:
        return set()
    return {bytes.fromhex(one)[:16] for one, slot in opened.assignment.parts.items() if slot == "test"}
