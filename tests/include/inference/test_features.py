"""Features over HTTP: one entity by GET, several by POST; wrong requests and a ledger that is gone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import yaml
from pydantic import SecretStr

from include.data import features
from include.inference.app import create_app
from include.ledger import Ledger, LedgerError
from include.settings import Settings

PATH = "/v1/projects/shop/features/"


def project() -> dict[str, Any]:
    view = {
        "entity": "고객",
        "timestamp": "at",
        "features": {"amount": {"type": "number"}},
        "transform": "features:f",
        "ttl_hours": 1,
    }
    return {
        "name": "shop",
        "title": "가게",
        "domain": "tabular",
        "task": "regression",
        "owner": "team",
        "data": {
            "source": {"kind": "files", "url": "in", "format": "jsonl", "key": "id"},
            "content": {"kind": "table", "columns": {"amount": {"type": "number"}}},
        },
        "split": {"method": "random", "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}},
        "feature_views": {
            "spent": {**view, "keys": {"customer": "text"}},
            "visits": {**view, "keys": {"customer": "text", "branch": "integer"}},
            "empty": {**view, "keys": {"customer": "text"}},
        },
    }


class Made:
    """The application with a shop's features online, brought there one minute and two hours ago."""

    def __init__(self, folder: Path) -> None:
        (folder / "projects" / "shop").mkdir(parents=True)
        (folder / "projects" / "shop" / "project.yaml").write_text(yaml.safe_dump(project()), encoding="utf-8")
        self.settings = Settings(
            home=folder,
            projects_dir=folder / "projects",
            prediction_log=folder / "log",
            max_request_rows=4,
            max_request_bytes=2000,
            route_refresh_s=60,
        )
        ledger = Ledger(self.settings.ledger())
        ledger.migrate()
        now = datetime.now(UTC)
        self.at = {"new": now - timedelta(minutes=1), "old": now - timedelta(hours=2)}
        rows = [('["김철수 🙂"]', {"amount": 1.5}, self.at["new"]), ('["이"]', {"amount": None}, self.at["old"])]
        ledger.put_features("shop", "spent", "d1", "v3", {"path": "p"}, rows, "me")
        ledger.put_features("shop", "visits", "d2", "v3", {"path": "p"}, [('[7,"김"]', {"amount": 2}, self.at["new"])], "me")
        self.app = create_app(self.settings, lambda: [])
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://ap")

    async def get(self, path: str, status: int = 200) -> dict[str, Any]:
        response = await self.http.get(PATH + path)
        assert response.status_code == status, response.text
        return dict(response.json())

    async def post(self, entities: Any, view: str = "spent", status: int = 200) -> Any:
        response = await self.http.post(PATH + view, json={"entities": entities})
        assert response.status_code == status, response.text
        return response.json()


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = Made(tmp_path)
    async with made.app.router.lifespan_context(made.app):
        yield made
        await made.http.aclose()


async def test_one_entity_by_its_address(made: Made) -> None:
    found = await made.get(f"spent?customer={quote('김철수 🙂')}")
    assert 60 <= found.pop("age_s") < 90
    assert found == {
        "project": "shop",
        "view": "spent",
        "entity": {"customer": "김철수 🙂"},
        "found": True,
        "features": {"amount": 1.5},
        "event_at": made.at["new"].isoformat(),
        "stale": False,
        "definition": "d1",
        "version": "v3",
    }
    assert (await made.get("spent?customer=%EC%9D%B4"))["stale"] is True
    assert (await made.get("visits?customer=김&branch=7"))["features"] == {"amount": 2}


async def test_several_entities_in_their_order(made: Made) -> None:
    answer = await made.post([{"customer": "이"}, {"customer": "없음"}, {"customer": "김철수 🙂"}, "이"])
    assert [one["found"] for one in answer["entities"]] == [True, False, True, True]
    assert [one["stale"] for one in answer["entities"]] == [True, True, False, True]
    assert answer["entities"][1]["features"] is None and answer["entities"][1]["entity"] == {"customer": "없음"}
    assert answer["entities"][0]["features"] == {"amount": None}


@pytest.mark.parametrize(
    ("path", "status", "code", "field"),
    [
        ("nothing?customer=a", 404, "unknown_view", "view"),
        ("spent?customer=nobody", 404, "unknown_entity", "query"),
        ("spent", 422, "bad_key", "query.customer"),
        ("spent?other=1", 422, "bad_key", "query.other"),
        ("spent?customer=", 422, "bad_key", "query.customer"),
        ("spent?customer=a&customer=b", 422, "bad_key", "query"),
        ("spent?customer=a%00b", 422, "bad_key", "query.customer"),
        ("spent?customer=" + "a" * 1001, 422, "bad_key", "query.customer"),
        ("spent?" + "&".join(f"k{n}=1" for n in range(200)), 422, "bad_key", "query"),
        ("visits?customer=a&branch=x", 422, "bad_key", "query.branch"),
        ("visits?customer=a&branch=99999999999999999999", 422, "bad_key", "query.branch"),
        ("empty?customer=a", 503, "not_online", None),
    ],
)
async def test_wrong_addresses(made: Made, path: str, status: int, code: str, field: str | None) -> None:
    error = (await made.get(path, status))["error"]
    assert (error["code"], error.get("field")) == (code, field) and error["what_to_do"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"{", 422, "not_json", "body"),
        (b"[]", 422, "not_an_object", "body"),
        (b"{}", 422, "bad_entities", "entities"),
        (b'{"entities": []}', 422, "bad_entities", "entities"),
        (b'{"entities": {"customer": "a"}}', 422, "bad_entities", "entities"),
        (b'{"entities": ["a"], "more": 1}', 422, "unknown_key", "more"),
        (b'{"entities": ["a", 5]}', 422, "bad_key", "entities[1].customer"),
        (b'{"entities": ["a", null]}', 422, "bad_key", "entities[1].customer"),
        (b'{"entities": [{"customer": true}]}', 422, "bad_key", "entities[0].customer"),
        (b'{"entities": [{"customer": "a\\u0000"}]}', 422, "bad_key", "entities[0].customer"),
        (b'{"entities": [{"customer": "\\ud800"}]}', 422, "bad_key", "entities[0].customer"),
        (b'{"entities": [["a"]]}', 422, "bad_key", "entities[0]"),
        (b'{"entities": [NaN]}', 422, "bad_key", "entities[0].customer"),
        (b'{"entities": ["a", "a", "a", "a", "a"]}', 413, "too_large", "entities"),
        (json.dumps({"entities": ["가" * 10_000_000]}).encode(), 413, "too_large", "body"),
    ],
)
async def test_wrong_bodies(made: Made, body: bytes, status: int, code: str, field: str) -> None:
    response = await made.http.post(PATH + "spent", content=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error.get("field")) == (status, code, field), error
    assert error["what_to_do"] and len(response.content) < 700


async def test_unknown_projects_and_methods(made: Made) -> None:
    assert (await made.http.get("/v1/projects/none/features/spent?customer=a")).json()["error"]["code"] == "unknown_project"
    assert (await made.http.delete(PATH + "spent")).status_code == 405
    assert (await made.http.post(PATH + "none", json={"entities": ["a"]})).status_code == 404


async def test_a_ledger_that_fails_is_told(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> Any:
        raise LedgerError("the ledger postgresql://… failed: connection refused")

    monkeypatch.setattr(Ledger, "features_of", gone)
    for response in (
        await made.http.get(PATH + "spent?customer=a"),
        await made.http.post(PATH + "spent", json={"entities": ["a"]}),
    ):
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (503, "ledger_unreachable") and response.headers["retry-after"] == "1"
        assert "connection refused" in error["message"] and "check the ledger's database" in error["what_to_do"]


async def test_a_database_that_is_down_is_told(made: Made, tmp_path: Path) -> None:
    for url in ("postgresql+psycopg2://ledger:secret@127.0.0.1:1/ledger", f"sqlite:///{tmp_path}/없음.db"):
        made.app.state.service.features._settings = made.settings.model_copy(update={"ledger_url": SecretStr(url)})
        error = (await made.get("spent?customer=a", 503))["error"]
        assert error["code"] == "ledger_unreachable" and "secret" not in json.dumps(error)


async def test_a_ledger_that_hangs_keeps_nobody_else_waiting(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.inference.features.TIMEOUT_S", 0.4)
    monkeypatch.setattr(features, "online", lambda *_: time.sleep(1))
    begin = time.perf_counter()
    waiting = [asyncio.create_task(made.http.get(PATH + "spent?customer=a")) for _ in range(8)]
    await asyncio.sleep(0.05)
    assert (await made.http.get("/healthz")).status_code == 200 and time.perf_counter() - begin < 0.3
    answers = await asyncio.gather(*waiting)
    assert {answer.status_code for answer in answers} == {503} and time.perf_counter() - begin < 0.9
    assert "no answer within 0.4 s" in answers[0].json()["error"]["message"]


async def test_too_many_at_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    made.app.state.service.features._in_flight = made.settings.max_requests_in_flight
    assert (await made.get("spent?customer=a", 503))["error"]["code"] == "busy"


async def test_metrics_and_documentation(made: Made) -> None:
    await made.post(["이", "b"])
    await made.get("spent?customer=nobody", 404)
    await made.get("made-up-by-a-caller?customer=a", 404)
    page = (await made.http.get("/metrics")).text
    assert 'inference_feature_lookups_total{code="200",project="shop",view="spent"} 2.0' in page
    assert 'inference_feature_lookups_total{code="404",project="shop",view="spent"} 1.0' in page
    assert 'inference_feature_entities_total{project="shop",view="spent"} 3.0' in page and "made-up" not in page
    paths = (await made.http.get("/openapi.json")).json()["paths"]
    assert set(paths["/v1/projects/{project}/features/{view}"]) == {"get", "post"}
