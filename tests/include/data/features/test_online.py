"""Online features: from a data version to a lookup."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.data import features
from include.ledger import LedgerError
from include.settings import Settings

pytestmark = pytest.mark.integration
NOON = datetime(2026, 1, 3, 12, tzinfo=UTC)


def bring(shop: Any, version: Any, view: str = "purchases") -> tuple[dict[str, Any], dict[str, Any]]:
    ref = features.compute(shop.settings, shop.project, view, version, "r", "개발자")
    return ref, features.materialise(shop.settings, shop.project, view, ref, "개발자")


def look(shop: Any, *entities: Any, now: datetime = NOON, view: str = "purchases") -> list[dict[str, Any]]:
    return [one["views"][view] for one in features.online(shop.settings, shop.project, view, entities, now)]


def test_the_newest_values_of_each_entity(shop: Any, purchase: Any) -> None:
    rows = [
        purchase("김철수", 3, 3),
        purchase("김철수", 2, 2),
        purchase("이 🙂", 1, None, None, None, None),
        purchase("김철수", 3, 4),
    ]
    ref, counts = bring(shop, shop.version(rows))
    assert counts == {"written": 2, "older": 0, "removed": 0, "rows": 2, "new": True}
    found = features.online(shop.settings, shop.project, ["purchases"], ["김철수", {"customer": "이 🙂"}, "없음"], NOON)
    assert json.loads(json.dumps(found)) == found
    assert [one["entity"]["customer"] for one in found] == ["김철수", "이 🙂", "없음"]
    assert found[0]["views"]["purchases"] == {
        "found": True,
        "features": {"amount": 4000, "pieces": 1, "member": True, "shop": "강남", "before": "2026-01-03T12:00:00+00:00"},
        "event_at": "2026-01-03T12:00:00+00:00",
        "age_s": 0,
        "stale": False,
        "definition": ref["definition"],
        "version": "v1",
    }
    assert set(found[1]["views"]["purchases"]["features"].values()) == {None}
    assert found[2]["views"]["purchases"] | {"definition": 0, "version": 0} == {
        "found": False,
        "features": None,
        "event_at": None,
        "age_s": None,
        "stale": True,
        "definition": 0,
        "version": 0,
    }


def test_what_is_online_is_what_a_join_gives_as_of_now(shop: Any, purchase: Any) -> None:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    names = ["김", "이", "박", "최"]
    rows = [purchase(str(random.choice(names)), int(random.integers(1, 9)), float(n), n) for n in range(60)]
    bring(shop, shop.version(rows))
    asked = pd.DataFrame({"customer": names, "event_timestamp": pd.Timestamp("2026-01-08T12:00Z")})
    joined = features.historical(shop.settings, shop.project, ["purchases"], asked)
    for one, pieces in zip(look(shop, *names, now=NOON + timedelta(days=5)), joined["purchases__pieces"], strict=True):
        assert one["stale"] == bool(pd.isna(pieces))
        assert one["stale"] or one["features"]["pieces"] == pieces


def test_values_grow_stale_by_their_time_to_live(shop: Any, purchase: Any) -> None:
    bring(shop, shop.version([purchase("김", 3)]))
    ages = [look(shop, "김", now=NOON + timedelta(hours=hours))[0] for hours in (0, 48, 48.001)]
    assert [(one["age_s"], one["stale"]) for one in ages] == [(0, False), (172_800, False), (172_803.6, True)]
    shop.change(ttl_hours=None)
    assert look(shop, "김", now=NOON + timedelta(days=999))[0]["stale"] is False


def test_an_older_version_brings_nothing_back(shop: Any, purchase: Any) -> None:
    first = shop.version([purchase("김", 2, 2), purchase("이", 1, 1)])
    bring(shop, shop.version([purchase("김", 3, 3)]))
    _, counts = bring(shop, first)
    assert counts == {"written": 1, "older": 1, "removed": 0, "rows": 2, "new": True}  # "이" is the same in both
    assert [one["features"]["amount"] for one in look(shop, "김", "이")] == [3000, 1000]


def test_the_same_again_is_no_change(shop: Any, purchase: Any) -> None:
    ref, _ = bring(shop, shop.version([purchase("김", 2)]))
    again = features.materialise(shop.settings, shop.project, "purchases", {**ref, "new": False}, "다른 사람")
    assert again == {"written": 0, "older": 0, "removed": 0, "rows": 1, "new": False}


def test_a_new_definition_takes_over(shop: Any, purchase: Any) -> None:
    version = shop.version([purchase("김", 2)])
    bring(shop, version)
    shop.write("money", "def won():\n    return 1\n")
    ref, counts = bring(shop, version)
    assert (counts["removed"], counts["written"]) == (1, 1)
    (one,) = look(shop, "김")
    assert one["features"]["amount"] == 10 and one["definition"] == ref["definition"]


def test_several_views_of_one_entity(shop: Any, purchase: Any) -> None:
    version = shop.version([purchase("김", 2)])
    bring(shop, version)
    bring(shop, version, "totals")
    with pytest.raises(features.FeatureError, match="they have different keys"):
        features.online(shop.settings, shop.project, ["purchases", "totals"], ["김"])
    assert look(shop, {"shop": "강남", "customer": "김"}, view="totals")[0]["features"] == {"total": 10}
    shop.change("totals", keys={"customer": "text"}, features={"shop": {"type": "text"}, "total": {"type": "number"}})
    bring(shop, version, "totals")
    (found,) = features.online(shop.settings, shop.project, ["purchases", "totals"], ["김"])
    assert found["views"]["totals"]["features"] == {"shop": "강남", "total": 10} and len(found["views"]) == 2
    assert features.online(shop.settings, shop.project, [], ["김"]) == []


def test_what_cannot_be_looked_up(shop: Any, purchase: Any) -> None:
    with pytest.raises(features.UnknownView):
        look(shop, "김", view="nothing")
    with pytest.raises(features.NotOnline, match=r"nothing of it is online. Start the pipeline shop\w+\.features"):
        look(shop, "김")
    with pytest.raises(features.KeyProblem, match="entity 1: customer must be a text, not a number"):
        look(shop, "김", 3)
    ref, _ = bring(shop, shop.version([purchase("김", 2)]))
    assert features.online(shop.settings, shop.project, "purchases", []) == []
    with pytest.raises(features.FeatureError, match="features of view purchases were given for totals"):
        features.materialise(shop.settings, shop.project, "totals", ref, "나")
    shop.change(online=False)
    with pytest.raises(features.NotOnline, match="online: false"):
        features.materialise(shop.settings, shop.project, "purchases", ref, "나")


def test_a_ledger_that_is_not_there(shop: Any, tmp_path: Any) -> None:
    (tmp_path / "file").touch()
    settings = Settings(ledger_url=f"sqlite:///{tmp_path}/empty.db")  # type: ignore[arg-type]
    with pytest.raises(LedgerError, match="not up to date"):
        features.online(settings, shop.project, "purchases", ["김"])
