"""Running a view's transform, and making sure that what it gives is what the definition says."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.data.features import keys
from include.data.features.definition import find_view
from include.data.features.errors import FeatureError, TransformError
from include.projects import Project, ProjectError
from include.projects.feature_views import FeatureView

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

EXAMPLES = 5
AHEAD = timedelta(days=1)  # values that hold only from later on are a mistake of a clock


def apply(project: Project, name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features of rows, by the transform that training, batch and serving share.

    Args:
        project: whose view it is.
        name: of the view.
        rows: the columns that the view's source names.

    Returns:
        Keys, timestamp (UTC) and features as the view declares them, in the order of time; of equal times, as the
        transform gave them. Missing values are NaN, NA, NaT or None.

    Raises:
        TransformError: the transform failed, or gave something else than its definition says.
    """
    return frame_of(checked(project, name, rows))


def checked(project: Project, name: str, rows: pd.DataFrame) -> pa.Table:
    """Return what `apply` does as an Arrow table."""
    import pandas as pd

    view = find_view(project, name)
    where = f"project {project.name}, feature view {name}, transform {view.transform}"
    try:
        found = project.function(f"feature_views.{name}.transform", view.transform)(rows.copy())
    except ProjectError:
        raise
    except Exception as cause:
        line = next((f for f in reversed(traceback.extract_tb(cause.__traceback__)) if str(project.folder) in f.filename), None)
        at = f" in {line.name}, line {line.lineno}" if line else ""
        raise TransformError(where, f"it raised {type(cause).__name__}: {str(cause)[:500]}{at}", "Correct it") from cause
    if not isinstance(found, pd.DataFrame):
        raise TransformError(where, f"it gave {type(found).__name__}", "It must return a pandas DataFrame")
    _columns(found, view, where)
    if not view.aggregates and len(found) != len(rows):
        problem = f"it gave {len(found)} rows for {len(rows)}"
        raise TransformError(where, problem, "Give one row for each, or say aggregates: true in the view")
    return _table(found.reset_index(drop=True), view, where)


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table of features as pandas: Int64 and boolean where values may be missing."""
    import pandas as pd
    import pyarrow as pa

    return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}.get)


def utc(series: pd.Series, where: str, name: str) -> pd.Series:
    """Return times in UTC, microseconds; a part of a microsecond is rounded up, so that nothing is known too early.

    Raises:
        FeatureError: they are no times, have no time zone, or one is missing.
    """
    import pandas as pd

    advice = f'Give it one, such as frame["{name}"].dt.tz_localize("Asia/Seoul")'
    if series.dtype == object:
        if len(series) and not series.map(lambda one: isinstance(one, datetime) or one is None or one is pd.NaT).all():
            raise FeatureError(where, f"{name} holds something else than times", "Give times with time zone")
        if any(one.tzinfo is None for one in series if isinstance(one, datetime) and one is not pd.NaT):
            raise FeatureError(where, f"{name} has no time zone", advice)
        series = pd.to_datetime(series, utc=True)
    if not pd.api.types.is_datetime64_any_dtype(series.dtype):
        raise FeatureError(where, f"{name} holds {series.dtype}, not times", "Give times with time zone")
    if not isinstance(series.dtype, pd.DatetimeTZDtype):
        raise FeatureError(where, f"{name} has no time zone", advice)
    if series.dtype.unit == "ns":
        series = series.dt.ceil("us")
    return series.dt.tz_convert("UTC").dt.as_unit("us")


def _columns(found: pd.DataFrame, view: FeatureView, where: str) -> None:
    wanted = [*view.keys, view.timestamp, *view.features]
    names = list(found.columns)
    problems = {
        "lacks": [name for name in wanted if name not in names],
        "has besides": [str(name) for name in names if name not in wanted],
        "has twice": sorted({str(name) for name in names if names.count(name) > 1}),
    }
    told = "; ".join(f"{what} {', '.join(listed[:EXAMPLES])}" for what, listed in problems.items() if listed)
    if told:
        raise TransformError(where, f"its result {told}", f"It must have exactly {', '.join(wanted)}")


def _table(found: pd.DataFrame, view: FeatureView, where: str) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    arrays: dict[str, Any] = {name: _array(found[name], kind, name, where) for name, kind in view.keys.items()}
    for name, array in arrays.items():
        _whole(array, name, "entity keys", where)
    try:
        times = utc(found[view.timestamp], where, view.timestamp)
    except FeatureError as cause:
        raise TransformError(cause.where, cause.problem, cause.advice) from cause
    arrays[view.timestamp] = pa.array(times, pa.timestamp("us", tz="UTC"))
    _whole(arrays[view.timestamp], view.timestamp, "times", where)
    late = np.flatnonzero((times > datetime.now(UTC) + AHEAD).to_numpy())
    if len(late):
        problem = f"{view.timestamp} lies more than a day ahead in {_shown(late)}"
        raise TransformError(where, problem, "Leave such rows out, or correct the clock that they come from")
    for name, feature in view.features.items():
        arrays[name] = _array(found[name], feature.type, name, where)
    _keys(arrays, view, where)
    table = pa.table(arrays)
    return table.take(pa.array(np.argsort(times.astype("int64").to_numpy(), kind="stable")))


def _array(series: pd.Series, kind: str, name: str, where: str) -> pa.Array:
    """Return one column as Arrow, exactly of its declared type; missing values are nulls."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    wanted = {"number": pa.float64(), "integer": pa.int64(), "text": pa.string(), "boolean": pa.bool_()}.get(kind)
    try:
        if kind == "time":
            return pa.array(utc(series, where, name), pa.timestamp("us", tz="UTC"))
        if not series.isna().all() and not _fits(series.dtype, kind):
            raise TransformError(where, f"{name} holds {series.dtype}, not {kind}", _cast(name, kind))
        if kind == "text" and isinstance(series.dtype, pd.CategoricalDtype):
            series = series.astype(series.cat.categories.dtype)
        if kind in ("number", "integer") and pd.api.types.is_numeric_dtype(series.dtype):
            infinite = np.flatnonzero(np.isinf(series.to_numpy(dtype="float64", na_value=np.nan)))
            if len(infinite):
                raise TransformError(where, f"{name} is infinite in {_shown(infinite)}", "Give a number, or NaN for none")
        found = pa.array(series, wanted, from_pandas=True)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError) as cause:
        said = str(cause).splitlines()[0][:200]
        raise TransformError(where, f"{name} is no column of type {kind}: {said}", _cast(name, kind)) from cause
    except FeatureError as cause:
        raise cause if isinstance(cause, TransformError) else TransformError(where, cause.problem, cause.advice) from cause
    found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    if kind == "number" and np.isinf(values := found.to_numpy(zero_copy_only=False)).any():
        infinite = np.flatnonzero(np.isinf(values))
        raise TransformError(where, f"{name} is infinite in {_shown(infinite)}", "Give a number, or NaN for none")
    return found


def _fits(dtype: Any, kind: str) -> bool:
    """Tell whether a pandas type may hold a kind; Arrow would turn texts into numbers and numbers into truth values."""
    import pandas as pd

    if kind == "boolean":
        return pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_object_dtype(dtype)
    return not pd.api.types.is_bool_dtype(dtype) and (kind == "text" or not isinstance(dtype, pd.StringDtype))


def _whole(array: pa.Array, name: str, what: str, where: str) -> None:
    import numpy as np

    if array.null_count:
        missing = np.flatnonzero(np.asarray(array.is_null()))
        raise TransformError(where, f"{name} is missing in {_shown(missing)}", f"Leave no {what} out")


def _keys(arrays: dict[str, Any], view: FeatureView, where: str) -> None:
    """Make sure that every entity can be asked for later; each distinct key is looked at once."""
    import pyarrow as pa

    names = list(view.keys)
    distinct = pa.table({name: arrays[name] for name in names}).group_by(names).aggregate([])
    for entity in zip(*(distinct[name].to_pylist() for name in names), strict=True):
        try:
            keys.values(view, dict(zip(names, entity, strict=True)))
        except keys.KeyProblem as cause:
            raise TransformError(where, f"an entity key cannot be: {cause.problem}", cause.advice) from cause


def _shown(rows: np.ndarray) -> str:
    more = f" and {len(rows) - EXAMPLES} more" if len(rows) > EXAMPLES else ""
    return f"row{'s' * (len(rows) > 1)} {', '.join(str(int(row)) for row in rows[:EXAMPLES])}{more}"


def _cast(name: str, kind: str) -> str:
    return f"Cast {name} in the transform, or change its type ({kind}) in the view"
