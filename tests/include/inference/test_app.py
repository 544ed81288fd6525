"""The web application, with a model server that is made up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from include.inference import read, truths
from include.inference.app import create_app
from include.inference.errors import ApiError
from include.inference.model_server import Answer, ModelUnavailable
from include.ledger import LedgerError, Route
from include.settings import Settings

IMAGE = [[1] * 8] * 8
TOKEN = "관리자-token"
CLASSES = [str(n) for n in range(10)]


class Models:
    """A model server whose releases answer the last digit of their id."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.down: str | None = None
        self.ready: dict[str, bool] = {}
        self.loaded: list[str] = []
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    async def infer(self, release_id: str, tensor: np.ndarray, **_: Any) -> Answer:
        self.asked.append(release_id)
        if self.gate is not None:
            await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        label = int(release_id[-1])
        probabilities = np.full((len(tensor), 10), 0.01, np.float32)
        probabilities[:, label] = 0.91
        return Answer([label] * len(tensor), probabilities)

    async def load(self, release_id: str) -> None:
        self.loaded.append(release_id)

    async def live(self) -> str | None:
        return self.down

    async def close(self) -> None:
        pass


class Made:
    """The application with all that a test wants to touch."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = Settings(
            prediction_log=folder / "log",
            inference_admin_token=TOKEN,
            max_request_rows=4,
            max_request_bytes=5000,
            route_refresh_s=60,
            triton_timeout_s=1,
            **settings,
        )
        self.routes = {"production": "digits-r0003"}
        self.ledger_error: Exception | None = None
        self.app: FastAPI = create_app(self.settings, self.read)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://ap")
        self.models = Models()

    def read(self) -> list[Route]:
        if self.ledger_error is not None:
            raise self.ledger_error
        at = datetime(2026, 1, 1, tzinfo=UTC)
        return [Route("digits", n, r, "sha256:1", {"name": "digits", "version": "1"}, 1, at) for n, r in self.routes.items()]

    async def __aenter__(self) -> Made:
        self.lifespan = self.app.router.lifespan_context(self.app)
        await self.lifespan.__aenter__()
        await self.app.state.service.models.close()
        self.app.state.service.models = self.models
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self.lifespan.__aexit__(None, None, None)

    async def infer(self, status: int = 200, path: str = "/v1/projects/digits/infer", **body: Any) -> dict[str, Any]:
        response = await self.http.post(path, json=body or {"input": IMAGE})
        assert response.status_code == status, response.text
        return response.json()

    def logged(self) -> list[dict[str, Any]]:
        return [record for record, _ in read(self.settings.prediction_log, "digits")]


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    async with Made(tmp_path) as made:
        yield made


async def test_one_row(made: Made) -> None:
    answer = await made.infer(request_id="요청", input=IMAGE)
    assert answer["request_id"] == "요청" and answer["release_id"] == "digits-r0003"
    assert answer["model"] == {"name": "digits", "version": "1"} and answer["duration_ms"] > 0
    assert answer["predictions"] == [answer["prediction"]]
    assert answer["prediction"]["label"] == "3" and answer["prediction"]["probability"] == 0.91
    assert list(answer["prediction"]["probabilities"]) == CLASSES
    [record] = made.logged()
    assert {key: record[key] for key in ("id", "route", "release_id", "n", "inputs", "labels")} == {
        "id": "요청",
        "route": "production",
        "release_id": "digits-r0003",
        "n": 1,
        "inputs": [IMAGE],
        "labels": ["3"],
    }
    assert record["probabilities"] == [[0.91 if n == 3 else 0.01 for n in range(10)]]
    assert datetime.fromisoformat(record["at"]).tzinfo is not None and record["ms"] >= 0


async def test_several_rows_on_staging(made: Made) -> None:
    made.routes["staging"] = "digits-r0004"
    await made.http.post("/v1/admin/refresh", headers=bearer(TOKEN))
    answer = await made.infer(path="/v1/projects/digits/routes/staging/infer", inputs=[IMAGE, IMAGE])
    assert [p["label"] for p in answer["predictions"]] == ["4", "4"] and "prediction" not in answer
    assert (made.logged()[0]["route"], made.logged()[0]["n"]) == ("staging", 2)


async def test_bad_requests_are_named_and_not_logged(made: Made) -> None:
    assert (await made.infer(422, input=[[1]]))["error"]["field"] == "input"
    assert (await made.infer(422, input=IMAGE, request_id=7))["error"]["field"] == "request_id"
    assert (await made.infer(413, inputs=[IMAGE] * 5))["error"]["code"] == "too_large"
    response = await made.http.post("/v1/projects/digits/infer", content=b"{nope")
    assert response.status_code == 422 and response.json()["error"]["code"] == "not_json"
    assert made.logged() == [] and made.models.asked == []


async def test_too_many_bytes_with_and_without_a_length(made: Made) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(60):
            yield b" " * 100

    for content in (b" " * 5001, chunks()):
        response = await made.http.post("/v1/projects/digits/infer", content=content)
        assert response.status_code == 413, response.text
        assert "5000 bytes" in response.json()["error"]["message"]


async def test_unknown_names(made: Made) -> None:
    error = (await made.infer(404, path="/v1/projects/nope/infer"))["error"]
    assert error["code"] == "unknown_project" and "digits" in error["what_to_do"]
    for odd in ("%2e%2e", "Digits", "digits%2f", "숫자", "x" * 3000):
        assert (await made.http.post(f"/v1/projects/{odd}/infer", json={})).status_code == 404
    error = (await made.infer(404, path="/v1/projects/digits/routes/canary/infer"))["error"]
    assert error["code"] == "unknown_route" and "production, staging" in error["what_to_do"]
    error = (await made.infer(503, path="/v1/projects/digits/routes/staging/infer"))["error"]
    assert error["code"] == "no_release" and "deploy one first" in error["what_to_do"]
    response = await made.http.get("/v1/projects/digits/infer")
    assert response.status_code == 405 and response.json()["error"]["message"]
    assert (await made.http.get("/v2")).json()["error"]["code"] == "not_found"


async def test_model_server_errors(made: Made) -> None:
    made.models.errors = [ModelUnavailable("digits-r0003", "gone", missing=False)]
    assert (await made.infer())["release_id"] == "digits-r0003"  # second try
    made.models.errors = [ModelUnavailable("digits-r0003", "gone", missing=False)] * 2
    response = await made.http.post("/v1/projects/digits/infer", json={"input": IMAGE})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "model_server_down")
    assert response.headers["retry-after"] == "1"
    made.models.errors = [ModelUnavailable("digits-r0003", "unknown model", missing=True)] * 2
    await made.infer()
    assert made.models.loaded == ["digits-r0003"]
    made.models.errors = [ApiError(504, "timeout", "late", "wait")]
    await made.infer(504)
    assert len(made.logged()) == 2


async def test_a_second_try_uses_the_route_as_it_is_then(made: Made) -> None:
    made.routes["production"] = "digits-r0005"
    made.models.errors = [ModelUnavailable("digits-r0003", "unloaded", missing=True)]
    answer = await made.infer()
    assert (answer["release_id"], answer["prediction"]["label"]) == ("digits-r0005", "5")
    assert made.models.asked == ["digits-r0003", "digits-r0005"]


async def test_a_log_that_cannot_be_written_gives_no_answer(made: Made) -> None:
    (made.folder / "log").mkdir()
    (made.folder / "log" / "digits").write_text("in the way")
    error = (await made.infer(503))["error"]
    assert error["code"] == "log_unavailable" and "free disk space" in error["what_to_do"]
    ready = await made.http.get("/readyz")
    assert ready.status_code == 503 and "prediction log of digits" in ready.json()["problems"]
    (made.folder / "log" / "digits").unlink()
    await made.infer()
    assert (await made.http.get("/readyz")).status_code == 200
    assert len(made.logged()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_without_permission(made: Made) -> None:
    (made.folder / "log").mkdir(mode=0o500)
    assert "Permission denied" in (await made.infer(503))["error"]["message"]


async def test_too_many_requests_at_once(tmp_path: Path) -> None:
    async with Made(tmp_path, max_requests_in_flight=2) as made:
        made.models.gate = asyncio.Event()
        waiting = [asyncio.create_task(made.infer()) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert (await made.infer(503))["error"]["code"] == "busy"
        made.models.gate.set()
        await asyncio.gather(*waiting)
        await made.infer()


async def test_truths(made: Made) -> None:
    body = {"truths": [{"request_id": "가", "labels": ["3"]}]}
    response = await made.http.post("/v1/projects/digits/truths", json=body)
    assert response.json() == {"kept": 1}
    assert truths(made.settings.prediction_log, "digits") == {"가": ["3"]}
    body["truths"].append({"request_id": "나", "labels": ["열"]})
    response = await made.http.post("/v1/projects/digits/truths", json=body)
    assert response.status_code == 422 and response.json()["error"]["field"] == "truths[1].labels[0]"
    assert len(truths(made.settings.prediction_log, "digits")) == 1


async def test_admin_needs_the_token(made: Made) -> None:
    for headers in ({}, bearer("wrong"), bearer(""), {"Authorization": "Basic eDp5"}, {"Authorization": TOKEN.encode()}):
        response = await made.http.post("/v1/admin/refresh", headers=headers)
        assert response.status_code == 401 and response.headers["www-authenticate"] == "Bearer"
    made.routes["production"] = "digits-r0007"
    response = await made.http.post("/v1/admin/refresh", headers=bearer(TOKEN))
    assert response.json()["changed"] is True and response.json()["routes"][0]["release_id"] == "digits-r0007"
    assert (await made.infer())["prediction"]["label"] == "7"


async def test_admin_without_a_configured_token_is_closed(tmp_path: Path) -> None:
    async with Made(tmp_path) as made:
        made.app.state.service.settings = made.settings.model_copy(
            update={"inference_admin_token": Settings().inference_admin_token}
        )
        for headers in ({}, bearer(""), bearer(TOKEN)):
            response = await made.http.post("/v1/admin/refresh", headers=headers)
            assert response.status_code == 503 and "DEVMLOPS_INFERENCE_ADMIN_TOKEN" in response.json()["error"]["what_to_do"]


async def test_ledger_goes_away(made: Made) -> None:
    made.ledger_error = LedgerError("connection refused")
    response = await made.http.post("/v1/admin/refresh", headers=bearer(TOKEN))
    assert response.status_code == 503 and response.json()["error"]["code"] == "ledger_unreachable"
    await made.infer()
    ready = await made.http.get("/readyz")
    assert ready.status_code == 200 and "connection refused" in ready.json()["problems"]["ledger"]


async def test_start_without_a_ledger(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.ledger_error = LedgerError("no such table: routes")
    async with made:
        assert (await made.infer(503))["error"]["code"] == "routes_unknown"
        ready = await made.http.get("/readyz")
        assert ready.status_code == 503 and "no such table" in ready.json()["problems"]["ledger"]
        made.ledger_error = None
        await made.http.post("/v1/admin/refresh", headers=bearer(TOKEN))
        await made.infer()


async def test_status_ready_and_metrics(made: Made) -> None:
    await made.infer(inputs=[IMAGE, IMAGE])
    await made.infer(422, input=[])
    await made.infer(404, path="/v1/projects/nope/infer")
    status = (await made.http.get("/v1/projects/digits")).json()
    assert status["routes"][0]["release_id"] == "digits-r0003"
    assert status["counts"] == {"answered": 1, "rows": 2, "refused": 1, "failed": 0}
    form = status["input"]
    assert {name: form[name] for name in ("kind", "shape", "dtype", "range")} == {
        "kind": "array",
        "shape": [8, 8],
        "dtype": "uint8",
        "range": [0, 16],
    }
    assert form["schema"]["minItems"] == 8 and form["schema"]["items"]["items"]["maximum"] == 16
    assert np.shape(form["example"]) == (8, 8) and status["classes"] == CLASSES
    assert (await made.http.get("/v1/projects/nope")).status_code == 404
    assert (await made.http.get("/healthz")).json() == {"live": True}
    ready = (await made.http.get("/readyz")).json()
    assert ready["ready"] and ready["routes"] == {"digits/production": "digits-r0003"} and ready["problems"] == {}
    text = (await made.http.get("/metrics")).text
    assert 'inference_requests_total{code="200",project="digits",route="production"} 1.0' in text
    assert 'inference_route{project="digits",release_id="digits-r0003",route="production"} 1.0' in text
    assert "nope" not in text
    made.models.down = "connection refused"
    response = await made.http.get("/readyz")
    assert response.status_code == 503 and response.json()["problems"]["model server"] == "connection refused"


async def test_docs_show_the_direct_routes(made: Made) -> None:
    schema = (await made.http.get("/openapi.json")).json()
    for path in ("/v1/projects/{project}/infer", "/v1/projects/{project}/routes/{route}/infer", "/v1/projects/{project}/truths"):
        post = schema["paths"][path]["post"]
        content = post["requestBody"]["content"]["application/json"]
        references = [one["$ref"] for one in content["schema"].get("anyOf", [content["schema"]])]
        assert {name.rsplit("/", 1)[1] for name in references} <= schema["components"]["schemas"].keys()
        assert path.endswith("truths") or "#/components/schemas/Request_digits" in references
        assert content["examples"] and "422" in post["responses"] and "200" in post["responses"]
    assert "/v1/admin/refresh" in schema["paths"] and "HTTPBearer" in schema["components"]["securitySchemes"]
    example = schema["paths"]["/v1/projects/{project}/infer"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    await made.infer(**example["one row"]["value"])
    assert (await made.http.get("/docs")).status_code == 200


async def test_an_unexpected_error_tells_nothing_of_the_inside(made: Made) -> None:
    made.models.errors = [RuntimeError("password is hunter2")]
    transport = httpx.ASGITransport(made.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://ap") as http:
        response = await http.post("/v1/projects/digits/infer", json={"input": IMAGE})
    assert response.status_code == 500 and "hunter2" not in response.text
    assert response.json()["error"]["code"] == "internal_error"


def bearer(token: str) -> dict[str, Any]:
    return {"Authorization": b"Bearer " + token.encode()}
