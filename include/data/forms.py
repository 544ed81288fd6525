"""Forms: how an item's content, whatever it is, becomes bytes, is checked, and comes back as values.

Bytes are what rounds keep and what an item's id is the hash of, so one content always gives the same bytes: arrays
raw in C order, texts in UTF-8, files as they came, rows of a table as JSON with the declared columns in their order.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import orjson

from include.data import arrays
from include.data.times import moment_of, text
from include.projects.content import ArrayContent, Column, Content, Files, TableContent, TextContent

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

YES, NO = {"true", "t", "yes", "y", "1"}, {"false", "f", "no", "n", "0"}
MISSING = {"", "nan", "null", "none", "na", "n/a"}
MAX_INTEGER = 2**63
MAX_DIGITS = 1000
PANDAS_MISSING = {"NAType", "NaTType"}
NESTED = (Mapping, list, tuple, set, bytes, bytearray, memoryview)


def encode(value: Any, form: Content, how: arrays.Decode = "array") -> bytes:
    """Return a value from a source as the bytes of an item.

    Args:
        value: a list of numbers or bytes (array), text (text), bytes or their base64 or hex text (files), or a mapping
            of columns (table).
        form: the form of an item.
        how: how a record holds an array or a file.

    Raises:
        ValueError: it is no item of that form; the message says why, without the content itself.
    """
    if isinstance(form, ArrayContent):
        return arrays.decode(value, how, form)
    if isinstance(form, TableContent):
        return dump_row(value, form)
    content = _text(value) if isinstance(form, TextContent) else _file(value, how)
    if problem := check(content, form):
        raise ValueError(problem)
    return content


def check(content: bytes, form: Content) -> str | None:
    """Return what is wrong with one content, None where it is an item of that form."""
    if isinstance(form, ArrayContent):
        wanted = arrays.size(form)
        return None if len(content) == wanted else f"the content has {len(content)} bytes, wanted {wanted}"
    if isinstance(form, TextContent):
        return _text_problem(content, form)
    if isinstance(form, TableContent):
        return _row_problem(content, form)
    if len(content) > form.max_bytes:
        return f"the file has {len(content)} bytes, more than {form.max_bytes}"
    from include.data import media

    return media.problem(content, form)


def decode(contents: Sequence[bytes], form: Content) -> Any:
    """Return contents as values.

    Returns:
        An array (n, *shape) of the dtype for arrays; an object array (n,) of str for texts and of bytes for files;
        a pandas DataFrame of n rows with the declared columns for tables (numbers float64, integers Int64, boolean
        boolean, times UTC timestamps, text and categories str; missing values are NaN, NA, NaT or None).

    Raises:
        ValueError: a content is not of that form.
    """
    import numpy as np

    if isinstance(form, ArrayContent):
        if any(len(one) != arrays.size(form) for one in contents):
            raise ValueError(f"a content does not have {arrays.size(form)} bytes")
        return np.frombuffer(bytearray().join(contents), dtype=form.dtype).reshape(len(contents), *form.shape)
    if isinstance(form, TableContent):
        return _frame(contents, form)
    return _objects([one.decode() for one in contents] if isinstance(form, TextContent) else list(contents))


def join(parts: Sequence[Any], form: Content) -> Any:
    """Return what `decode` gave for several lots as one."""
    import numpy as np

    if isinstance(form, TableContent):
        import pandas as pd

        return pd.concat(parts, ignore_index=True) if parts else decode([], form)
    return np.concatenate(parts) if parts else decode([], form)


def dump_row(row: Any, form: TableContent) -> bytes:
    """Return a row of a table as JSON: the declared columns in their order, null where a value is missing.

    Args:
        row: values by column; columns that are not declared are left out.
        form: the columns.

    Raises:
        ValueError: it is no mapping, or a value is not of its column's type; what is personal is not quoted.
    """
    if not isinstance(row, Mapping):
        raise ValueError(f"a row of a table is an object with fields, and this is {type(row).__name__}")
    found = {}
    for name, column in form.columns.items():
        try:
            found[name] = _value(row.get(name), column)
        except (ValueError, OverflowError, TypeError) as cause:
            if column.personal:
                raise ValueError(f"a value in {name} is no {column.type}") from None
            shown = type(row[name]).__name__ if isinstance(row[name], NESTED) else repr(text(row[name])[:40])
            raise ValueError(f"{shown} in {name} is no {column.type}: {text(cause)}") from None
    return orjson.dumps(found)


def load_row(content: bytes) -> dict[str, Any]:
    """Return a row of a table as plain values, times as ISO 8601 text."""
    return dict(orjson.loads(content))


def arrow_schema(form: TableContent) -> Any:
    """Return the Arrow schema of a table's columns."""
    import pyarrow as pa

    types = {
        "number": pa.float64(),
        "integer": pa.int64(),
        "text": pa.string(),
        "category": pa.string(),
        "boolean": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([(name, types[column.type]) for name, column in form.columns.items()])


def _frame(contents: Sequence[bytes], form: TableContent) -> pd.DataFrame:
    import io

    import pandas as pd
    import pyarrow as pa
    import pyarrow.json as pj

    schema = arrow_schema(form)
    if not len(contents):
        table = schema.empty_table()
    else:
        # A row may not be longer than a block.
        block = max(1 << 20, 2 * max(map(len, contents)))
        # Times are read as text: Arrow's JSON reader takes no zone with a fraction of a second.
        plain = pa.schema([(one.name, pa.string() if pa.types.is_timestamp(one.type) else one.type) for one in schema])
        try:
            table = pj.read_json(
                io.BytesIO(b"\n".join(contents)),
                pj.ReadOptions(block_size=block),
                pj.ParseOptions(explicit_schema=plain, unexpected_field_behavior="ignore"),
            )
        except pa.ArrowInvalid as cause:
            raise ValueError(f"a content is no row of this table: {text(cause).splitlines()[0]}") from None
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}.get)
    if len(frame) != len(contents):
        raise ValueError(f"{len(contents)} contents are {len(frame)} rows of a table")
    for name, column in form.columns.items():
        if column.type == "time":
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame[list(form.columns)]


def _value(value: Any, column: Column) -> Any:
    """Return one value of a row as JSON holds it; None where it is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in PANDAS_MISSING:
        return None
    if isinstance(value, NESTED):
        raise ValueError("one value is wanted")
    if column.type in ("text", "category"):
        said = value if isinstance(value, str) else str(value)
        said.encode()  # lone surrogates are no text
        return said if said or column.type == "text" else None
    if isinstance(value, str) and value.strip().lower() in MISSING:
        return None
    return _SCALARS[column.type](value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        raise ValueError("it is a truth value")
    number = float(value)
    if math.isinf(number):
        raise ValueError("it is not finite")
    return None if math.isnan(number) else number


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError("it is a truth value")
    if isinstance(value, str):
        if len(value) > MAX_DIGITS:
            raise ValueError(f"it has {len(value)} characters")
        try:
            value = Decimal(value)
        except InvalidOperation as cause:
            raise ValueError("it is no number") from cause
    if isinstance(value, Decimal) and value.is_nan():
        raise ValueError("it is no number")
    if not -MAX_INTEGER <= value < MAX_INTEGER:
        raise ValueError("it needs more than 64 bits")
    number = int(value)
    if number != value:
        raise ValueError("it has a fraction")
    return number


def _boolean(value: Any) -> bool:
    said = str(value).strip().lower()
    if said in YES or said in NO:
        return said in YES
    if value in (0, 1):
        return bool(value)
    raise ValueError("it is neither true nor false")


_SCALARS = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "time": lambda value: moment_of(value).isoformat(timespec="microseconds"),
}


def _text(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if not isinstance(value, str):
        raise ValueError(f"the content is {type(value).__name__}, wanted text")
    try:
        return value.encode()
    except UnicodeEncodeError as cause:
        raise ValueError("the content is no valid Unicode") from cause


def _file(value: Any, how: arrays.Decode) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if not isinstance(value, str):
        raise ValueError(f"the content is {type(value).__name__}, wanted the bytes of a file, or their base64 or hex text")
    try:
        return bytes.fromhex(value) if how == "hex" else base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise ValueError(f"the content is no {'hex' if how == 'hex' else 'base64'} text") from cause


def _text_problem(content: bytes, form: TextContent) -> str | None:
    try:
        found = content.decode()
    except UnicodeDecodeError:
        return "the text is no valid UTF-8"
    if "\x00" in found:
        return "the text holds NUL characters"
    if not form.min_chars <= len(found) <= form.max_chars:
        return f"the text has {len(found)} characters, wanted {form.min_chars} to {form.max_chars}"
    return None


def _row_problem(content: bytes, form: TableContent) -> str | None:
    try:
        row = orjson.loads(content)
        return None if dump_row(row, form) == content else "the row is not written as its columns say"
    except ValueError as cause:
        return f"the row does not fit its columns: {text(cause)}"


def _objects(values: list[Any]) -> np.ndarray:
    import numpy as np

    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


__all__ = ["Files", "arrow_schema", "check", "decode", "dump_row", "encode", "join", "load_row"]
