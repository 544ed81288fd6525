"""Arrays of numbers as the raw bytes of items; nothing is rounded, cut or guessed on the way."""

from __future__ import annotations

import base64
import binascii
import json
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from include.data.errors import IntegrityError
from include.projects.content import ArrayContent

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Decode = Literal["array", "base64", "hex", "bytes"]


def size(form: ArrayContent) -> int:
    """Return how many bytes one item has."""
    import numpy as np

    return prod(form.shape) * np.dtype(form.dtype).itemsize


def to_array(contents: pa.ChunkedArray, form: ArrayContent) -> np.ndarray:
    """Return contents of the right size as one array (n, *shape), copied out of the table.

    Raises:
        IntegrityError: a content has another size than the form says.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    one = size(form)
    if len(contents) == 0:
        return np.empty((0, *form.shape), dtype=form.dtype)
    if contents.null_count or pc.any(pc.not_equal(pc.binary_length(contents), one)).as_py():
        raise IntegrityError("a round's table", f"a content does not have {one} bytes", "Check data.content of project.yaml")
    joined = bytearray().join(
        memoryview(chunk.buffers()[2])[_first(chunk, pa) : _first(chunk, pa) + one * len(chunk)]
        for chunk in contents.chunks
        if len(chunk)
    )
    return np.frombuffer(joined, dtype=form.dtype).reshape(len(contents), *form.shape)


def decode(value: Any, how: Decode, form: ArrayContent) -> bytes:
    """Return the raw bytes of an item from the form that its source keeps it in.

    Raises:
        ValueError: it is no item of that form.
    """
    if how == "array":
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except RecursionError as cause:
                raise ValueError("the content is nested too deep") from cause
            except ValueError as cause:
                raise ValueError("the content is no JSON list of numbers") from cause
        return exact(numbers(value), form)
    if how == "bytes":
        if not isinstance(value, bytes):
            raise ValueError(f"the content is {type(value).__name__}, wanted bytes")
        content = value
    else:
        if not isinstance(value, str):
            raise ValueError(f"the content is {type(value).__name__}, wanted {how} text")
        if len(value) > 3 * size(form) + 4:
            raise ValueError(f"the content has {len(value)} characters of {how}, too many for {size(form)} bytes")
        try:
            content = base64.b64decode(value, validate=True) if how == "base64" else bytes.fromhex(value)
        except (binascii.Error, ValueError) as cause:
            raise ValueError(f"the content is no {how} text") from cause
    if len(content) != size(form):
        raise ValueError(f"the content has {len(content)} bytes, wanted {size(form)}")
    return content


def numbers(value: Any) -> np.ndarray:
    """Return a (nested) list of numbers, or of their texts, as an array.

    Raises:
        ValueError: it holds something else, or its rows differ in length.
    """
    import numpy as np

    if isinstance(value, list) and value and isinstance(value[0], str):
        value = [_number(one) for one in value]
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as cause:
        raise ValueError("the content is no regular list of numbers") from cause
    if array.dtype.kind not in "iufb":
        raise ValueError("the content is no regular list of numbers")
    return array


def exact(array: np.ndarray, form: ArrayContent) -> bytes:
    """Return an array as the bytes of an item; nothing is rounded to whole numbers or cut to a smaller range.

    Raises:
        ValueError: it has another shape, or values that the dtype cannot hold.
    """
    import numpy as np

    shape, wanted = array.shape, np.dtype(form.dtype)
    if array.size != np.prod(form.shape) or (array.ndim > 1 and shape != tuple(form.shape)):
        raise ValueError(f"the content has the shape {list(shape)}, wanted {form.shape}")
    if array.dtype != wanted:
        with np.errstate(invalid="ignore", over="ignore"):
            cast = array.astype(wanted)
        same = np.isfinite(cast) if wanted.kind == "f" else cast == array
        if not same.all():
            raise ValueError(f"the content holds values that {form.dtype} cannot hold")
        array = cast
    return array.tobytes()


def _number(value: Any) -> int | float:
    if not isinstance(value, str):
        raise ValueError("the content mixes texts and numbers")
    try:
        return int(value) if len(value) < 20 else float(value)
    except ValueError:
        try:
            return float(value)
        except ValueError as cause:
            raise ValueError(f"{value[:40]!r} is no number") from cause


def _first(chunk: pa.Array, pa: Any) -> int:
    """Return where the values of a binary array begin in its buffer (a slice begins in the middle)."""
    import numpy as np

    wide = pa.types.is_large_binary(chunk.type)
    return int(np.frombuffer(chunk.buffers()[1], dtype=np.int64 if wide else np.int32)[chunk.offset])
