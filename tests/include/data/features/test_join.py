"""Point-in-time joins beside the slowest and plainest way of doing them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd  # noqa: TID253
import pytest

from include.data import features
from include.data.features.join import as_of
from include.projects.feature_views import Feature, FeatureView

START = pd.Timestamp("2026-01-01", tz="UTC").as_unit("us")


def view(ttl_hours: float | None = None, **keys: str) -> FeatureView:
    kinds: Any = keys or {"customer": "text"}
    kinds_of: Any = {"value": Feature(type="integer")}
    return FeatureView(entity="x", keys=kinds, timestamp="at", features=kinds_of, transform="m:f", ttl_hours=ttl_hours)


def oracle(entities: pd.DataFrame, times: pd.Series, about: FeatureView, known: pd.DataFrame) -> list[int | None]:
    """Look at every row for every entity."""
    found: list[int | None] = []
    for row in range(len(entities)):
        best = None
        for other in range(len(known)):
            if any(known[key][other] != entities[key][row] for key in about.keys):
                continue
            at, asked = known["at"][other], times[row]
            if at > asked or (about.ttl_hours and asked - at > timedelta(hours=about.ttl_hours)):
                continue
            if best is None or at >= known["at"][best]:
                best = other
        found.append(None if best is None else int(known["value"][best]))
    return found


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ttl", [None, 2.5, 6])
def test_it_is_what_looking_at_every_row_gives(seed: int, ttl: float | None) -> None:
    random = np.random.default_rng(seed)
    names = ["김철수", "이영희", "김철수 ", "🙂", "e\u0301", "é"]
    about = view(ttl, customer="text", branch="integer")
    count = int(random.integers(0, 60))
    known = pd.DataFrame(
        {
            "customer": random.choice(names[:5], count),
            "branch": random.choice([-1, 0, 2**62], count),
            "at": START + pd.to_timedelta(random.integers(0, 40, count) * 30, "min"),
            "value": pd.array(range(count), "Int64"),
        }
    ).sort_values("at", kind="stable", ignore_index=True)
    known["at"] = known["at"].astype("datetime64[us, UTC]")
    known["branch"] = known["branch"].astype("Int64")
    rows = int(random.integers(0, 80))
    entities = pd.DataFrame(
        {
            "customer": random.choice(names, rows),
            "branch": random.choice([-1, 0, 2**62, 7], rows),
            "at": START + pd.to_timedelta(random.integers(-10, 60, rows) * 30, "min"),
        }
    )
    times = entities["at"].astype("datetime64[us, UTC]")
    found = as_of(entities, times, about, known)["value"]
    assert [None if pd.isna(one) else int(one) for one in found] == oracle(entities, times, about, known)


def frame(*rows: tuple[str, str, int]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=["customer", "at", "value"])
    found["at"] = pd.to_datetime(found["at"], utc=True, format="ISO8601").dt.as_unit("us")
    return found


def test_a_value_of_the_same_moment_counts_and_one_just_after_does_not() -> None:
    known = frame(("김", "2026-01-01T00:00Z", 1), ("김", "2026-01-01T00:00:00.000001Z", 2))
    asked = frame(
        ("김", "2026-01-01T00:00Z", 0), ("김", "2026-01-01T00:00:00.000001Z", 0), ("김", "2025-12-31T23:59:59.999999Z", 0)
    )
    assert as_of(asked, asked["at"], view(), known)["value"].fillna(-1).tolist() == [1, 2, -1]


def test_of_equal_times_the_last_one_counts() -> None:
    known = frame(("김", "2026-01-01T00:00Z", 1), ("김", "2026-01-01T00:00Z", 2), ("이", "2026-01-01T00:00Z", 3))
    asked = frame(("김", "2026-01-02T00:00Z", 0))
    assert as_of(asked, asked["at"], view(), known)["value"].tolist() == [2]


def test_the_time_to_live_ends_just_after_its_last_moment() -> None:
    known = frame(("김", "2026-01-01T00:00Z", 1))
    asked = frame(("김", "2026-01-01T06:00Z", 0), ("김", "2026-01-01T06:00:00.000001Z", 0))
    assert as_of(asked, asked["at"], view(6), known)["value"].fillna(-1).tolist() == [1, -1]


def test_nobody_knows_anything() -> None:
    asked = frame(("김", "2026-01-01T00:00Z", 0))
    assert as_of(asked, asked["at"], view(), frame())["value"].isna().tolist() == [True]
    assert len(as_of(frame(), frame()["at"], view(), frame(("김", "2026-01-01T00:00Z", 1)))) == 0


@pytest.mark.integration
def test_features_of_several_views_join_the_rows_that_were_given(shop: Any, purchase: Any) -> None:
    rows = [purchase("김", 1, 1), purchase("김", 3, 3), purchase("이", 5, 5), purchase("김", 3, 4)]
    version = shop.version(rows)
    refs = {view: features.compute(shop.settings, shop.project, view, version, "r", "나") for view in ("purchases", "totals")}
    seoul = pd.Timestamp("2026-01-03T20:59:59", tz="Asia/Seoul")
    asked = pd.DataFrame(
        {
            "customer": ["이", "김", "김", "박", "김"],
            "shop": "강남",
            "event_timestamp": [seoul, seoul, seoul + pd.Timedelta(1, "s"), seoul, seoul + pd.Timedelta(60, "h")],
            "label": [1, 2, 3, 4, 5],
        },
        index=[7, 7, 3, 1, 0],
    )
    before = asked.copy()
    found = features.historical(shop.settings, shop.project, ["purchases", "totals"], asked)
    pd.testing.assert_frame_equal(asked, before)
    assert found.index.tolist() == [7, 7, 3, 1, 0] and found["label"].tolist() == [1, 2, 3, 4, 5]
    assert found["purchases__amount"].fillna(-1).tolist() == [-1, 1000, 4000, -1, -1]
    assert found["totals__total"].fillna(-1).tolist() == [-1, -1, 8, -1, 8]
    pd.testing.assert_frame_equal(features.historical(shop.settings, shop.project, refs, asked), found)
    shop.version([purchase("김", 2, 9)])
    shop.change(ttl_hours=None, features={"amount": {"type": "number"}})
    pd.testing.assert_frame_equal(features.historical(shop.settings, shop.project, refs, asked), found)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"event_timestamp": pd.Timestamp("2026-01-01")}, "event_timestamp has no time zone"),
        ({"event_timestamp": pd.Series([pd.NaT, pd.NaT], dtype="datetime64[us, UTC]")}, "event_timestamp is missing in row 0"),
        ({"event_timestamp": "2026-01-01T00:00Z"}, "event_timestamp holds .*times"),
        ({"customer": [1, 2]}, "customer holds integer, and the view's key is of type text"),
        ({"customer": [True, False]}, "customer holds boolean"),
        ({"customer": ["김", None]}, "customer is missing in row 1"),
        ({"purchases__amount": 1}, "they have a column purchases__amount already"),
    ],
)
def test_wrong_entities(change: dict[str, Any], problem: str, shop: Any, purchase: Any) -> None:
    features.compute(shop.settings, shop.project, "purchases", shop.version([purchase("김", 1)]), "r", "나")
    asked = pd.DataFrame({"customer": ["김", "이"], "event_timestamp": START}).assign(**change)
    with pytest.raises(features.FeatureError, match=problem):
        features.historical(shop.settings, shop.project, ["purchases"], asked)
    if "event_timestamp" in change and "customer" not in change:
        with pytest.raises(features.FeatureError, match="they have no column event_timestamp"):
            features.historical(shop.settings, shop.project, ["purchases"], asked[["customer"]])
        fine = asked.assign(event_timestamp=START)[["event_timestamp"]]
        with pytest.raises(features.FeatureError, match="they have no column customer"):
            features.historical(shop.settings, shop.project, ["purchases"], fine)
