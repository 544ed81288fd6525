"""Values as files: how each type is kept as artefacts, with one digest, and brought back."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from include.components.types import (
    BlobsType,
    FileType,
    LabelsType,
    MetricsType,
    ModelType,
    ScoresType,
    TableType,
    TensorType,
    TextsType,
    Type,
)
from include.projects import Project
from include.training.errors import InputError

Files = dict[str, bytes]


def dump(kind: Type, value: Any) -> Files:
    """Return a checked value as files: npy, parquet, json, or the folder of a model."""
    return _DUMP[type(kind)](value)


def load(kind: Type, files: Mapping[str, bytes], project: Project) -> Any:
    """Return the value that `dump` made files of.

    Raises:
        InputError: they cannot be read as that type.
    """
    try:
        return _LOAD[type(kind)](dict(files), project)
    except (KeyError, ValueError, OSError) as cause:
        raise InputError(f"what is kept is no {kind}: {cause}") from cause


def digest(files: Mapping[str, bytes]) -> str:
    """Return ``sha256:`` and 64 hex digits over names and bytes of all files."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}\0{hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return f"sha256:{total.hexdigest()}"


def size(value: Any) -> int:
    """Return about how many bytes a value takes, before it is made into files."""
    nbytes = getattr(value, "nbytes", None)
    objects = str(getattr(value, "dtype", "")) == "object"
    if nbytes is not None and not objects:
        return int(nbytes)
    if hasattr(value, "memory_usage"):
        return int(value.memory_usage(deep=True).sum())
    if isinstance(value, bytes):
        return len(value)
    if objects:
        return sum(len(one) for one in value)
    return 0


def _array(value: Any) -> Files:
    import numpy as np

    sink = io.BytesIO()
    np.save(sink, np.ascontiguousarray(value), allow_pickle=False)
    return {"values.npy": sink.getvalue()}


def _read_array(files: Files, project: Project) -> Any:
    import numpy as np

    return np.load(io.BytesIO(files["values.npy"]), allow_pickle=False)


def _labels(value: Any) -> Files:
    import numpy as np

    return _array(value.astype(np.float64 if value.dtype.kind == "f" else np.int64))


def _table(value: Any) -> Files:
    sink = io.BytesIO()
    value.reset_index(drop=True).to_parquet(sink, index=False)
    return {"rows.parquet": sink.getvalue()}


def _read_table(files: Files, project: Project) -> Any:
    import pandas as pd

    return pd.read_parquet(io.BytesIO(files["rows.parquet"]))


def _objects(value: Any) -> Files:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"value": pa.array(list(value))}), sink)
    return {"items.parquet": sink.getvalue()}


def _read_objects(files: Files, project: Project) -> Any:
    import numpy as np
    import pyarrow.parquet as pq

    found = pq.read_table(io.BytesIO(files["items.parquet"]))["value"].to_pylist()
    values = np.empty(len(found), dtype=object)
    values[:] = found
    return values


def _json(value: Any) -> Files:
    figures = {name: float(one) for name, one in value.items()}
    return {"figures.json": json.dumps(figures, ensure_ascii=False, sort_keys=True, indent=1).encode()}


def _model(value: Any) -> Files:
    from include.components.models import model_files

    return model_files(value)


def _read_model(files: Files, project: Project) -> Any:
    from include.components.models import load_model

    return load_model(project, files)


_DUMP: dict[type[Type], Callable[[Any], Files]] = {
    TensorType: _array,
    LabelsType: _labels,
    ScoresType: _array,
    TableType: _table,
    TextsType: _objects,
    BlobsType: _objects,
    MetricsType: _json,
    FileType: lambda value: {"content": value},
    ModelType: _model,
}
_LOAD: dict[type[Type], Callable[[Files, Project], Any]] = {
    TensorType: _read_array,
    LabelsType: _read_array,
    ScoresType: _read_array,
    TableType: _read_table,
    TextsType: _read_objects,
    BlobsType: _read_objects,
    MetricsType: lambda files, project: json.loads(files["figures.json"]),
    FileType: lambda files, project: files["content"],
    ModelType: _read_model,
}
