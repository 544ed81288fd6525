"""Offline features: what they are, kept once for a definition and a version, and safe from runs that meet or die."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd  # noqa: TID253
import pytest

from include.clients.lakefs import DataRepository
from include.data import features
from include.data.errors import IntegrityError, ReferenceFault

pytestmark = pytest.mark.integration


def compute(shop: Any, version: Any, view: str = "purchases", run_id: str = "r1") -> dict[str, Any]:
    return features.compute(shop.settings, shop.project, view, version, run_id, "개발자")


def test_features_are_kept_beside_the_data(shop: Any, purchase: Any) -> None:
    rows = [purchase("김철수", 3, 2.5, 7), purchase("이영희", 1, None, None, None, None), purchase("김철수", 2)]
    version = shop.version(rows)
    ref = compute(shop, version)
    assert json.loads(json.dumps(ref)) == ref
    assert (ref["view"], ref["version"], ref["count"], ref["entities"], ref["new"]) == ("purchases", "v1", 3, 2, True)
    assert (ref["first_at"], ref["last_at"]) == ("2026-01-01T12:00:00+00:00", "2026-01-03T12:00:00+00:00")
    assert ref["path"] == f"features/purchases/{features.definition(shop.project, 'purchases')}/v1.parquet"
    view, frame = features.load(shop.settings, ref)
    assert view == shop.project.feature_views["purchases"]
    assert frame["customer"].tolist() == ["이영희", "김철수", "김철수"]
    assert frame["amount"].fillna(-1).tolist() == [-1, 10_000, 2500]
    assert frame["pieces"].isna().tolist() == [True, False, False] and frame["pieces"][2] == 7
    assert frame["before"].isna().tolist() == [True, True, False]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "customer": "str",
        "bought_at": "datetime64[us, UTC]",
        "amount": "float64",
        "pieces": "Int64",
        "member": "boolean",
        "shop": "str",
        "before": "datetime64[us, UTC]",
    }
    document = json.loads(shop.repo.get("main", ref["path"].replace(".parquet", ".json")))
    assert document["commit"] == version["commit"] and document["author"] == "개발자" and document["run_id"] == "r1"
    assert document["missing"]["amount"] == 1 and set(document["code"]) == {"features.py", "money.py"}


def test_the_same_again_is_the_same(shop: Any, purchase: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    version = shop.version([purchase("김철수", 3)])
    first = compute(shop, version)
    head = shop.repo.head("main")
    monkeypatch.setattr("include.data.features.offline.checked", lambda *_: pytest.fail("it was computed again"))
    assert compute(shop, version, run_id="another") == {**first, "new": False}
    assert shop.repo.head("main") == head
    assert features.latest(shop.settings, shop.project, "purchases") == {**first, "new": False}


def test_a_changed_definition_is_a_new_one_and_the_old_stays(shop: Any, purchase: Any) -> None:
    version = shop.version([purchase("김철수", 3)])
    first = compute(shop, version)
    shop.write("money", "def won():\n    return 1\n")
    second = compute(shop, version, run_id="r2")
    assert second["definition"] != first["definition"] and second["new"]
    assert features.load(shop.settings, first)[1]["amount"].tolist() == [10_000]
    assert features.load(shop.settings, second)[1]["amount"].tolist() == [10]
    assert features.latest(shop.settings, shop.project, "purchases")["definition"] == second["definition"]


def test_the_newest_version_counts_however_late_an_older_one_was_computed(shop: Any, purchase: Any) -> None:
    made = [shop.version([purchase("김철수", day)]) for day in range(1, 12)]
    for number in (10, 1, 8):
        compute(shop, made[number])
    assert features.latest(shop.settings, shop.project, "purchases")["version"] == "v11"


def test_keys_of_two_columns_and_fewer_rows(shop: Any, purchase: Any) -> None:
    version = shop.version([purchase("김", 1, 5), purchase("김", 2, 6), purchase("김", 3, 7, shop="부산 🌊")])
    _, frame = features.load(shop.settings, compute(shop, version, "totals"))
    assert frame[["shop", "total"]].to_numpy().tolist() == [["강남", 11.0], ["부산 🌊", 7.0]]


def test_a_merged_round_may_be_computed_too(shop: Any, purchase: Any) -> None:
    shop.version([purchase("김", 1)])
    version = shop.version([purchase("이", 2)])
    ref = compute(shop, {"repository": shop.repo.name, "zone": "dev", "commit": version["commit"], "round": 2})
    assert (ref["version"], ref["count"]) == ("round-000002", 1)
    assert compute(shop, version)["count"] == 2
    assert features.latest(shop.settings, shop.project, "purchases")["version"] == "v2"


def test_a_parquet_table_beside_the_data(shop: Any, purchase: Any, tmp_path: Any) -> None:
    frame = pd.DataFrame(
        {"customer": ["김"], "bought_at": [pd.Timestamp("2026-01-01", tz="Asia/Seoul")], "points": [3], "x": [0]}
    )
    frame.to_parquet(tmp_path / "points.parquet")
    shop.repo.branch("work")
    shop.repo.put("work", "reference/점수.parquet", tmp_path / "points.parquet")
    version = shop.version([purchase("이", 1)])
    shop.write("features", "def given(rows):\n    return rows\n")
    source = {"parquet": "reference/점수.parquet", "columns": ["customer", "bought_at", "points"]}
    shop.change(transform="features:given", source=source, features={"points": {"type": "integer"}})
    _, found = features.load(shop.settings, compute(shop, version))
    assert found["points"].tolist() == [3] and found["bought_at"][0] == pd.Timestamp("2025-12-31T15:00Z")
    shop.change(source={**source, "columns": ["customer", "없음"]})
    with pytest.raises(features.FeatureError, match=r"no column 없음\. It has customer, bought_at, points, x"):
        compute(shop, version)


def test_runs_that_meet_keep_it_once(shop: Any, purchase: Any) -> None:
    version = shop.version([purchase("김", 1)])
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda n: compute(shop, version, run_id=f"r{n}"), range(3)))
    assert sorted(ref["new"] for ref in made) == [False, False, True]
    assert len({ref["commit"] for ref in made}) == 1


@pytest.mark.parametrize("step", ["put", "commit", "merge"])
def test_a_run_that_died_is_done_again(step: str, shop: Any, purchase: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    version = shop.version([purchase("김", 1)])
    before = shop.repo.head("main")
    with monkeypatch.context() as broken:
        broken.setattr(DataRepository, step, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            compute(shop, version)
    assert shop.repo.head("main") == before
    assert compute(shop, version)["new"]


def test_what_was_changed_since_is_refused(shop: Any, purchase: Any) -> None:
    ref = compute(shop, shop.version([purchase("김", 1)]))
    with pytest.raises(IntegrityError, match="its digest is sha256:"):
        features.load(shop.settings, {**ref, "digest": "sha256:0"})


def test_nothing_is_kept_of_a_failed_transform(shop: Any, purchase: Any) -> None:
    version = shop.version([purchase("김", 1)])
    before = shop.repo.head("main")
    shop.change(transform="features:broken")
    with pytest.raises(features.TransformError, match=r"raised ValueError: 나눌 수 없음 in broken, line \d+"):
        compute(shop, version)
    assert shop.repo.head("main") == before


def test_unknown_views_and_versions(shop: Any, purchase: Any) -> None:
    version = shop.version([purchase("김", 1)])
    with pytest.raises(features.UnknownView, match=r"no feature view 'nothing'. Its views: purchases, totals"):
        compute(shop, version, "nothing")
    with pytest.raises(features.FeatureError, match=r"nothing is kept of it.*start the pipeline shop\w+\.features"):
        features.latest(shop.settings, shop.project, "purchases")
    with pytest.raises(ReferenceFault):
        compute(shop, {name: version[name] for name in ("repository", "zone", "commit")} | {"round": 9})
