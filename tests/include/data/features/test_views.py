"""Finding views, and seeing how fresh they are; both by functions and by the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.data import features
from include.data.features.__main__ import main
from include.ledger import LedgerError
from include.settings import Settings

NOW = datetime(2026, 1, 4, 12, tzinfo=UTC)


def test_search_looks_at_names_descriptions_tags_and_owners(shop_folder: Path) -> None:
    settings = Settings(projects_dir=shop_folder.parent)
    broken = shop_folder.parent / "broken"
    broken.mkdir()
    (broken / "project.yaml").write_text("name: broken")

    def found(*args: Any, **kwargs: Any) -> list[str]:
        return [one["view"] for one in features.search(settings, *args, **kwargs)]

    assert found() == ["purchases", "totals"]
    assert found("쓴 돈") == found("BEFORE 매출") == found(tags=["매출"]) == found(entity="customer") == ["purchases"]
    assert found("finance") == found(owner="finance") == found("customer total") == ["totals"]
    assert found(owner="data-team") == ["purchases"]
    assert found("nothing") == found(tags=["매출", "x"]) == found("totals", owner="data-team") == []
    one = features.search(settings, "돈")[0]
    assert one["features"][0] == {"name": "amount", "type": "number", "description": "쓴 돈, 원"} and len(one["definition"]) == 16
    (shop_folder / "features.py").unlink()
    assert "no module features" in features.search(settings, "돈")[0]["problem"]


@pytest.mark.integration
def test_freshness_tells_offline_and_online(shop: Any, purchase: Any) -> None:
    assert [one["online"] for one in features.freshness(shop.settings, shop.project)] == [None, None]
    for day in (1, 2):
        version = shop.version([purchase("김", day), purchase("이", day)])
        ref = features.compute(shop.settings, shop.project, "purchases", version, f"r{day}", "나")
    features.materialise(shop.settings, shop.project, "purchases", ref, "나")
    one, other = features.freshness(shop.settings, shop.project, now=NOW)
    assert json.loads(json.dumps(one)) == one
    assert one["offline"] == {"versions": ["v1", "v2"], "rows": 4, "newest": "2026-01-02T12:00:00+00:00", "age_s": 172_800}
    assert one["online"] | {"written_at": ""} == {
        "rows": 2,
        "newest": "2026-01-02T12:00:00+00:00",
        "age_s": 172_800,
        "stale": False,
        "version": "v2",
        "written_at": "",
        "definition": ref["definition"],
        "current": True,
    }
    assert other["offline"] == {"versions": [], "rows": 0, "newest": None, "age_s": None} and other["online"] is None
    shop.change(ttl_hours=47)
    one, _ = features.freshness(shop.settings, shop.project, now=NOW)
    assert one["online"]["stale"] and not one["online"]["current"] and one["offline"]["versions"] == []


@pytest.mark.integration
def test_a_data_server_that_is_down_is_told(shop: Any, purchase: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.clients.lakefs.CONNECT_TRIES", 0)
    settings = shop.settings.model_copy(update={"data_dev_url": "http://127.0.0.1:9"})
    assert "no answer" in features.freshness(settings, shop.project)[0]["offline"]["problem"]
    with pytest.raises(LedgerError):
        features.freshness(shop.settings.model_copy(update={"home": shop.settings.home / "none"}), shop.project)


@pytest.mark.integration
def test_the_command_line(shop: Any, purchase: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in shop.settings.environment().items():
        monkeypatch.setenv(name, value)
    name = shop.project.name
    ref = features.compute(shop.settings, shop.project, "totals", shop.version([purchase("김", 1)]), "r", "나")
    features.materialise(shop.settings, shop.project, "totals", ref, "나")
    capsys.readouterr()

    def said(*arguments: str) -> Any:
        assert main(list(arguments)) == 0
        return json.loads(capsys.readouterr().out)

    assert [one["view"] for one in said("search", "쓴", "돈", "--tag", "매출")] == ["purchases"]
    assert said("freshness", name)[1]["online"]["rows"] == 1
    (one,) = said("online", name, "totals", "--entity", "customer=김,shop=강남")
    assert one["views"]["totals"]["features"] == {"total": 10}
    assert main(["online", name, "totals", "--entity", "customer=김"]) == 2
    assert "its key shop is missing" in capsys.readouterr().err
    assert main(["freshness", "nothing"]) == 2
