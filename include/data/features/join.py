"""Point-in-time joins: the features of entities as they were known at a time, never later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.data.features.errors import FeatureError
from include.data.features.offline import FeatureRef, latest, load
from include.data.features.transform import utc
from include.projects import Project
from include.projects.feature_views import FeatureView
from include.settings import Settings, Zone

if TYPE_CHECKING:
    import pandas as pd

AT = "event_timestamp"
WHERE = "the entities"


def historical(
    settings: Settings,
    project: Project,
    views: Sequence[str] | Mapping[str, FeatureRef],
    entities: pd.DataFrame,
    zone: Zone = "dev",
) -> pd.DataFrame:
    """Join features to entities as of a time each: for training, evaluation and batch inference.

    An entity gets the newest values whose timestamp is not after its own, and not older than the view's time to
    live. Of values of equal time the last one of the data version counts, online too.

    Args:
        settings: the data server.
        project: whose views they are.
        views: names of views, of each the newest computed features; or references by name, which makes it repeatable.
        entities: the columns of the views' keys, and ``event_timestamp`` with time zone; others stay as they are.
        zone: where the features of names are looked for.

    Returns:
        The rows of ``entities`` in their order, with a column ``<view>__<feature>`` for each feature, missing where
        the entity had no values then.

    Raises:
        FeatureError: a column is missing or has another type than the view's key, a time has no zone, or nothing
            was computed of a view.
    """
    if AT not in entities.columns:
        raise FeatureError(WHERE, f"they have no column {AT}", "Say for each entity at which time its features are wanted")
    times = utc(entities[AT], WHERE, AT).reset_index(drop=True)
    if times.isna().any():
        raise FeatureError(WHERE, f"{AT} is missing in row {int(times.isna().idxmax())}", "Give each entity its time")
    found = entities.copy()
    for name in views:
        ref = views[name] if isinstance(views, Mapping) else latest(settings, project, name, zone)
        view, features = load(settings, ref)
        for column, values in as_of(entities.reset_index(drop=True), times, view, features).items():
            label = f"{name}__{column}"
            if label in found.columns:
                raise FeatureError(WHERE, f"they have a column {label} already", "Rename it, or name each view once")
            found[label] = values.set_axis(entities.index)
    return found


def as_of(entities: pd.DataFrame, times: pd.Series, view: FeatureView, features: pd.DataFrame) -> pd.DataFrame:
    """Return the features of each entity as they were at its time.

    Args:
        entities: has the view's keys; rows numbered from 0.
        times: UTC, one for each entity.
        view: names keys, timestamp and features.
        features: in the order of time.
    """
    import numpy as np
    import pandas as pd

    left, right = _codes(entities, features, view)
    asked = pd.DataFrame({"at": times, "entity": left, "row": np.arange(len(times))}).sort_values("at", kind="stable")
    known = pd.DataFrame({"at": features[view.timestamp], "entity": right, "place": np.arange(len(features))})
    tolerance = pd.Timedelta(hours=view.ttl_hours) if view.ttl_hours else None
    joined = pd.merge_asof(asked, known, on="at", by="entity", tolerance=tolerance).set_index("row").sort_index()
    places = joined["place"].fillna(-1).astype("int64").to_numpy()
    return features[list(view.features)].reset_index(drop=True).reindex(places).reset_index(drop=True)


def _codes(entities: pd.DataFrame, features: pd.DataFrame, view: FeatureView) -> tuple[Any, Any]:
    """Return one whole number for each entity, equal where all of its keys are."""
    import numpy as np
    import pandas as pd

    codes = np.zeros(len(entities) + len(features), dtype="int64")
    for name, kind in view.keys.items():
        if name not in entities.columns:
            raise FeatureError(WHERE, f"they have no column {name}", f"The view's keys are {', '.join(view.keys)}")
        asked = entities[name]
        _check_keys(asked, name, kind)
        wanted = "int64" if kind == "integer" else object
        both = pd.concat([asked.astype(wanted), features[name].astype(wanted)], ignore_index=True)
        numbers, distinct = pd.factorize(both)
        codes, _ = pd.factorize(codes * (len(distinct) + 1) + numbers)
    return codes[: len(entities)], codes[len(entities) :]


def _check_keys(values: pd.Series, name: str, kind: str) -> None:
    import pandas as pd

    if values.isna().any():
        row = int(values.isna().to_numpy().argmax())
        raise FeatureError(WHERE, f"{name} is missing in row {row}", "Name the entity of each row")
    inferred = pd.api.types.infer_dtype(values, skipna=False)
    allowed = {"text": ("string",), "integer": ("integer",)}[kind]
    if len(values) and inferred not in allowed:
        raise FeatureError(WHERE, f"{name} holds {inferred}, and the view's key is of type {kind}", f"Cast {name}")
