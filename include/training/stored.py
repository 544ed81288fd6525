"""Estimators as files whose bytes depend on what the estimator is alone."""

from __future__ import annotations

import io
import json
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

SCHEMA = "schema.json"


def stored(estimator: Any) -> bytes:
    """Return an estimator in skops' form, the same bytes for the same estimator.

    skops names objects and files by their addresses in memory or at random, writes the time of day, and keeps whatever
    memory held between the fields of a tree's nodes. Here objects and files are counted in the order in which they come,
    there is no time, and nothing between fields.

    Args:
        estimator: fitted, of what scikit-learn, numpy and scipy give.

    Returns:
        What ``skops.io.load`` reads.
    """
    import skops.io

    with ZipFile(io.BytesIO(skops.io.dumps(estimator))) as made:
        numbers: dict[int, int] = {}
        files: dict[str, str] = {}
        schema = _counted(json.loads(made.read(SCHEMA)), numbers, files)
        sink = io.BytesIO()
        with ZipFile(sink, "w", compression=ZIP_STORED) as kept:
            for old, new in files.items():
                kept.writestr(ZipInfo(new), _without_gaps(made.read(old)) if new.endswith(".npy") else made.read(old))
            kept.writestr(ZipInfo(SCHEMA), json.dumps(schema))
    return sink.getvalue()


def _counted(node: Any, numbers: dict[int, int], files: dict[str, str]) -> Any:
    """Return a node of the schema with counted objects and files; what is met first gets the next number, from 1."""
    if isinstance(node, list):
        return [_counted(one, numbers, files) for one in node]
    if not isinstance(node, dict):
        return node
    said = {name: _counted(one, numbers, files) for name, one in node.items()}
    if "__loader__" in node:  # a node of skops, not a dict that the estimator holds
        if isinstance(number := node.get("__id__"), int):
            said["__id__"] = numbers.setdefault(number, len(numbers) + 1)
        if isinstance(name := node.get("file"), str):
            said["file"] = files.setdefault(name, f"{len(files) + 1}.{name.rsplit('.', 1)[-1]}")
    return said


def _without_gaps(content: bytes) -> bytes:
    """Return a ``.npy`` file with zeros for the bytes between the fields of its rows, where it has such."""
    import numpy as np

    rows = np.load(io.BytesIO(content), allow_pickle=False)
    if not rows.dtype.names:
        return content
    filled = np.zeros(rows.dtype.itemsize, dtype=bool)
    for kind, begin, *_ in rows.dtype.fields.values():
        filled[begin : begin + kind.itemsize] = True
    head = len(content) - rows.nbytes
    # By bytes, since numpy does not copy what lies between fields: its own copies hold anything there.
    raw = np.frombuffer(content, dtype=np.uint8, offset=head).reshape(-1, len(filled))
    return content[:head] + np.where(filled, raw, np.uint8(0)).tobytes()
