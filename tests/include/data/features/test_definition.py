"""What makes a definition another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from include.data import features
from include.data.features.definition import code
from include.projects import ProjectError, load_project


def digest(folder: Path, **changes: Any) -> str:
    path = folder / "project.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    found["feature_views"]["purchases"] |= changes
    path.write_text(yaml.safe_dump(found, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return features.definition(load_project(folder.name, folder.parent), "purchases")


@pytest.mark.parametrize(
    "change",
    [
        {"ttl_hours": 3},
        {"keys": {"customer": "text", "shop": "text"}, "features": {"amount": {"type": "number"}}},
        {"features": {"amount": {"type": "integer"}}},
        {"timestamp": "before", "features": {"amount": {"type": "number"}}},
        {"aggregates": True},
        {"source": {"columns": ["customer", "bought_at", "amount"]}},
        {"source": {"parquet": "reference/x.parquet"}},
        {"transform": "features:totals"},
    ],
)
def test_what_changes_values_changes_it(change: dict[str, Any], shop_folder: Path) -> None:
    assert digest(shop_folder) != digest(shop_folder, **change)


def test_what_changes_no_value_does_not(shop_folder: Path) -> None:
    before = digest(shop_folder)
    features_ = yaml.safe_load((shop_folder / "project.yaml").read_text(encoding="utf-8"))["feature_views"]["purchases"][
        "features"
    ]
    features_["amount"]["description"] = "다른 말"
    assert digest(shop_folder, owner="x", tags=[], online=False, description="y", entity="z", features=features_) == before
    assert len(before) == 16


def test_the_code_is_the_module_and_what_it_imports_of_the_project(shop_folder: Path) -> None:
    (shop_folder / "deep").mkdir()
    (shop_folder / "deep" / "__init__.py").touch()
    (shop_folder / "deep" / "a.py").write_text("from . import b\nfrom ..money import won\nimport os\n")
    (shop_folder / "deep" / "b.py").write_text(f"import include.projects.{shop_folder.name}.features\n")
    (shop_folder / "unused.py").write_text("")
    digest(shop_folder, transform="deep.a:f")
    project = load_project(shop_folder.name, shop_folder.parent)
    assert list(code(project, "purchases")) == ["deep/__init__.py", "deep/a.py", "deep/b.py", "features.py", "money.py"]


def test_a_change_of_code_changes_it(shop_folder: Path) -> None:
    before = digest(shop_folder)
    (shop_folder / "money.py").write_text("def won():\n    return 2\n")
    assert digest(shop_folder) != before


def test_code_that_cannot_be_read(shop_folder: Path) -> None:
    with pytest.raises(features.FeatureError, match="there is no module nowhere in the project's folder"):
        digest(shop_folder, transform="nowhere:f")
    (shop_folder / "money.py").write_text("def (")
    with pytest.raises(features.FeatureError, match=r"money\.py is no Python"):
        digest(shop_folder, transform="features:purchases")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"keys": {}}, "feature_views.purchases.keys"),
        ({"keys": {"customer": "number"}}, "feature_views.purchases.keys.customer"),
        ({"keys": {"amount": "text"}}, "amount: one column cannot be key, timestamp and feature at once"),
        ({"features": {}}, "feature_views.purchases.features"),
        ({"features": {"a\nb": {"type": "number"}}}, "feature_views.purchases.features"),
        ({"transform": "features.purchases"}, "feature_views.purchases.transform"),
        ({"transform": "../secret:f"}, "feature_views.purchases.transform"),
        (
            {"source": {"columns": ["nothing"]}},
            r"feature_views.purchases.source.columns: no column nothing; there are customer, ",
        ),
        ({"source": {"columns": ["@content"]}}, r"no column @content"),
        ({"source": {"parquet": "/etc/x.parquet"}}, "feature_views.purchases.source.parquet"),
        ({"ttl_hours": 0}, "feature_views.purchases.ttl_hours"),
        ({"unknown": 1}, "feature_views.purchases.unknown"),
    ],
)
def test_a_wrong_view_is_an_error_of_project_yaml(change: dict[str, Any], problem: str, shop_folder: Path) -> None:
    with pytest.raises(ProjectError, match=problem):
        digest(shop_folder, **change)
