"""The declared columns of a table as a pandera schema, and what of a round's columns breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.data.errors import ReferenceFault
from include.data.quality.columns import Columns
from include.projects.content import Column, TableContent
from include.projects.quality import Quality, TextLimits

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pandera.pandas as pa

DTYPES = {
    "number": "float64",
    "integer": "Int64",
    "boolean": "boolean",
    "time": "datetime64[us, UTC]",
    "text": "str",
    "category": "str",
}
EXAMPLES = 5


@dataclass
class Broken:
    """Values of all columns that break one kind of check.

    Attributes:
        values: how many.
        columns: how many, by column; of a column that lacks too many values, all that it lacks.
        examples: ``column: key``.
    """

    values: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


def table_schema(form: TableContent, quality: Quality) -> pa.DataFrameSchema:
    """Return the pandera schema of a table: types, missing values, ranges, choices, uniqueness, patterns, lengths."""
    import pandera.pandas as pa

    columns = {name: _column(one, quality.texts.get(name)) for name, one in form.columns.items()}
    return pa.DataFrameSchema(columns, strict=True, name="data.content")


def broken(columns: Columns, form: TableContent, quality: Quality) -> dict[str, Broken]:
    """Check each column against the schema.

    Returns:
        By kind of check: missing, ranges, choices, unique, patterns, lengths.

    Raises:
        ReferenceFault: a pattern is none that RE2 knows.
    """
    import pandera.pandas as pa

    schema = table_schema(form, quality)
    found = {kind: Broken() for kind in ("missing", "ranges", "choices", "unique", "patterns", "lengths")}
    for name, column in schema.columns.items():
        frame = columns.frame([name])
        try:
            pa.DataFrameSchema({name: column}).validate(frame, lazy=True)
        except pa.errors.SchemaErrors as errors:
            failed = {case["check"] for case in errors.failure_cases[["check"]].to_dict("records")}
            for check in column.checks:
                if check.error in failed:
                    _add(found[str(check.name)], name, _rows(check, frame[name]), columns)
                    failed.discard(check.error)
            if failed:  # types come from reading, which tells what does not fit; anything else is a fault of ours
                raise
    return found


def _add(into: Broken, name: str, rows: np.ndarray, columns: Columns) -> None:
    into.values += len(rows)
    into.columns[name] = len(rows)
    into.examples += [f"{name}: {key}" for key in columns.keys(rows[: EXAMPLES - len(into.examples)])]


def _rows(check: Any, series: pd.Series) -> np.ndarray:
    """Return the places at which a series breaks a check."""
    import numpy as np

    if check.name == "missing":
        return np.flatnonzero(series.isna())
    good = check._check_fn(series)
    return np.flatnonzero((~good.astype(bool) & series.notna()).to_numpy())


def _column(column: Column, limits: TextLimits | None) -> pa.Column:
    import pandera.pandas as pa

    return pa.Column(DTYPES[column.type], checks=list(_checks(column, limits)), nullable=True)


def _checks(column: Column, limits: TextLimits | None) -> Iterator[pa.Check]:
    import pandera.pandas as pa

    most = column.max_missing
    yield pa.Check(
        lambda series: not len(series) or bool(series.isna().mean() <= most),
        name="missing",
        error=f"at most {most:g} missing",
        ignore_na=False,
    )
    if column.range is not None:
        low, high = column.range
        yield _check("ranges", f"from {low:g} to {high:g}", lambda series: (series >= low) & (series <= high))
    if column.choices is not None:
        choices = list(column.choices)
        yield _check("choices", "one of the choices", lambda series: series.isin(choices))
    if column.unique:
        yield _check("unique", "no value twice", lambda series: ~(series.duplicated(keep="first") & series.notna()))
    if limits is not None:
        most_chars = limits.max_chars
        if limits.pattern is not None:
            pattern = limits.pattern
            yield _check("patterns", "matches its pattern", lambda series: _matches(series, pattern))
        if limits.min_chars or most_chars is not None:
            least = limits.min_chars
            yield _check("lengths", "as long as wanted", lambda series: series.str.len().between(least, most_chars or 2**62))


def _check(kind: str, error: str, good: Any) -> pa.Check:
    import pandera.pandas as pa

    return pa.Check(good, name=kind, error=error, n_failure_cases=EXAMPLES)


def _matches(series: pd.Series, pattern: str) -> pd.Series:
    """Tell which texts match as a whole; by RE2, which takes no longer for a nasty pattern."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        found = pc.match_substring_regex(pa.array(series, pa.large_string(), from_pandas=True), f"^(?:{pattern})$")
    except pa.ArrowInvalid as cause:
        raise ReferenceFault(f"data.quality.texts of column {series.name}", str(cause), "Write it as RE2 knows it") from cause
    return pd.Series(found.fill_null(True).to_numpy(zero_copy_only=False), index=series.index)
