"""What a transform may give, and what becomes of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # noqa: TID253
import pytest
import yaml

from include.data import features
from include.projects import ProjectError, load_project

AT = pd.Timestamp("2026-01-05T09:00", tz="Asia/Seoul")


def given(shop_folder: Path, frame: Any, **view: Any) -> pd.DataFrame:
    """Apply a view whose transform gives ``frame``."""
    import sys
    import types

    path = shop_folder / "project.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    found["feature_views"]["purchases"] |= {"transform": "made:given", **view}
    path.write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    module: Any = types.ModuleType("made")
    module.given = frame if callable(frame) else lambda rows: frame
    sys.modules[f"include.projects.{shop_folder.name}.made"] = module
    return features.apply(load_project(shop_folder.name, shop_folder.parent), "purchases", pd.DataFrame({"row": range(2)}))


def good(**columns: Any) -> pd.DataFrame:
    values: dict[str, Any] = {
        "customer": ["김철수", "李"],
        "bought_at": [AT, AT - pd.Timedelta(days=1)],
        "amount": [1.5, np.nan],
        "pieces": [1, 2],
        "member": [True, False],
        "shop": ["강남", None],
        "before": [AT, pd.NaT],
    }
    return pd.DataFrame({**values, **columns})


def test_rows_come_in_the_order_of_time_with_the_declared_types(shop_folder: Path) -> None:
    found = given(
        shop_folder, good(pieces=pd.array([1, None], "Int64"), member=[None, True])[["pieces", *good().columns.drop("pieces")]]
    )
    assert list(found.columns) == ["customer", "bought_at", "amount", "pieces", "member", "shop", "before"]
    assert found["customer"].tolist() == ["李", "김철수"]
    assert found["bought_at"].tolist() == [pd.Timestamp("2026-01-04T00:00Z"), pd.Timestamp("2026-01-05T00:00Z")]
    assert found["pieces"].isna().tolist() == [True, False] and found["member"].isna().tolist() == [False, True]


def test_equal_times_keep_the_order_of_the_transform(shop_folder: Path) -> None:
    assert given(shop_folder, good(bought_at=[AT, AT], customer=["같음", "같음"]))["pieces"].tolist() == [1, 2]


def test_a_part_of_a_microsecond_is_never_known_too_early(shop_folder: Path) -> None:
    late = pd.Series([AT + pd.Timedelta(1, "ns"), AT]).dt.as_unit("ns")
    assert given(shop_folder, good(bought_at=late))["bought_at"].tolist() == [AT, AT + pd.Timedelta(1, "us")]


def test_no_rows_are_fine_where_a_view_aggregates(shop_folder: Path) -> None:
    assert len(given(shop_folder, good().iloc[:0], aggregates=True)) == 0


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"amount": [np.inf, 1]}, r"amount is infinite in row 0"),
        ({"amount": pd.array([-np.inf, 1], "Float64")}, r"amount is infinite in row 0"),
        ({"amount": pd.Series([1, float("inf")], dtype=object)}, r"amount is infinite in row 1"),
        ({"amount": ["1", "2"]}, r"amount holds str, not number.*Cast amount in the transform"),
        ({"amount": [True, False]}, r"amount holds bool, not number"),
        ({"pieces": [1.5, 2]}, r"pieces is no column of type integer"),
        ({"pieces": [2**63, 1]}, r"pieces is no column of type integer"),
        ({"pieces": [np.inf, 1]}, r"pieces is infinite in row 0"),
        ({"member": [0, 1]}, r"member holds int64, not boolean"),
        ({"member": ["yes", "no"]}, r"member holds str, not boolean|member is no column of type boolean"),
        ({"shop": [1, 2]}, r"shop is no column of type text"),
        ({"shop": pd.Series(["\ud800", "x"], dtype=object)}, r"shop is no column of type text"),
        ({"amount": pd.Series(["1", "2"], dtype=object)}, r"amount is no column of type number"),
        ({"before": ["2026-01-01", "2026-01-02"]}, r"before holds .*times"),
        ({"before": pd.to_datetime(["2026-01-01", "2026-01-02"])}, r"before has no time zone"),
        (
            {"bought_at": pd.to_datetime(["2026-01-01", "2026-01-02"])},
            r"bought_at has no time zone\. Give it one, such as .*tz_localize",
        ),
        (
            {"bought_at": pd.Series([AT.to_pydatetime().replace(tzinfo=None), AT.to_pydatetime()], dtype=object)},
            r"has no time zone",
        ),
        ({"bought_at": [AT, pd.NaT]}, r"bought_at is missing in row 1\. Leave no times out"),
        ({"bought_at": [1, 2]}, r"bought_at holds int64, not times"),
        ({"bought_at": [AT, pd.Timestamp.now("UTC") + pd.Timedelta(days=3)]}, r"bought_at lies more than a day ahead in row 1"),
        ({"customer": ["김", None]}, r"customer is missing in row 1\. Leave no entity keys out"),
        ({"customer": ["김", ""]}, r"an entity key cannot be: customer is empty"),
        ({"customer": ["김", "a\x00b"]}, r"holds a NUL character"),
        ({"customer": ["김", "가" * 10_000_000]}, r"customer has 10000000 characters, at most 1000 bytes"),
        ({"customer": [1, 2]}, r"customer is no column of type text"),
        ({"customer": pd.Categorical([1, 2])}, r"customer is no column of type text"),
    ],
)
def test_wrong_values(columns: dict[str, Any], problem: str, shop_folder: Path) -> None:
    with pytest.raises(features.TransformError, match=problem):
        given(shop_folder, good(**columns))


def test_wrong_columns(shop_folder: Path) -> None:
    with pytest.raises(
        features.TransformError, match=r"its result lacks customer; has besides extra\. It must have exactly customer, "
    ):
        given(shop_folder, good(extra=1).drop(columns="customer"))
    with pytest.raises(features.TransformError, match=r"has twice shop"):
        given(shop_folder, pd.concat([good(), good()[["shop"]]], axis=1))
    with pytest.raises(features.TransformError, match=r"it gave list\. It must return a pandas DataFrame"):
        given(shop_folder, [])


def test_another_count_of_rows(shop_folder: Path) -> None:
    with pytest.raises(features.TransformError, match=r"it gave 1 rows for 2\. Give one row for each, or say aggregates: true"):
        given(shop_folder, good().iloc[:1])
    assert len(given(shop_folder, good().iloc[:1], aggregates=True)) == 1


def test_a_transform_that_fails_or_is_not_there(shop_folder: Path) -> None:
    project = load_project(shop_folder.name, shop_folder.parent)
    rows = pd.DataFrame({"row": [1]})
    with pytest.raises(features.TransformError, match=r"it raised KeyError: 'bought_at' in purchases, line \d+"):
        features.apply(project, "purchases", rows)
    (shop_folder / "wrong.py").write_text("1 / 0\n")
    for reference, error, problem in (
        ("wrong:f", features.TransformError, "it raised ZeroDivisionError"),
        ("features:nothing", ProjectError, "'features:nothing' cannot be imported"),
        ("nowhere:f", ProjectError, r"feature_views.purchases.transform: 'nowhere:f' cannot be imported"),
    ):
        view = project.feature_views["purchases"].model_copy(update={"transform": reference})
        with pytest.raises(error, match=problem):
            features.apply(project.model_copy(update={"feature_views": {"purchases": view}}), "purchases", rows)


def test_the_callers_rows_stay_as_they_are(shop_folder: Path) -> None:
    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        rows["row"] = 0
        return good()

    given(shop_folder, spoil)
    rows = pd.DataFrame({"row": [1, 2]})
    features.apply(load_project(shop_folder.name, shop_folder.parent), "purchases", rows)
    assert rows["row"].tolist() == [1, 2]
