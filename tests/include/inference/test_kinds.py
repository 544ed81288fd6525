"""Texts, rows of a table and regressions through the web application, with a model server that is made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from include.data import forms
from include.data.operating import _items
from include.inference import end_cursor, read, truths
from include.inference.app import create_app
from include.inference.model_server import Answer
from include.ledger import Route
from include.monitoring import reference_sketch, window_sketch
from include.monitoring.logged import rows_of, together
from include.projects import load_project
from include.projects.content import TableContent
from include.projects.values import read as read_values
from include.settings import Settings

TICKET = "주문한 상품이 아직 안 왔어요. 언제 오나요?"
MASS = {
    "patient": "홍길동",
    "laboratory": "Seoul",
    "measured_at": "2026-01-05T18:00:00+09:00",
    "radius": 14.1,
    "texture": None,
    "perimeter": 92,
    "area": 650.5,
    "smoothness": 0.1,
    "compactness": 0.1,
    "concavity": 0.1,
    "concave_points": 0.05,
    "symmetry": 0.18,
    "fractal_dimension": 0.06,
}
WINDOW = [[320 + week / 4, week / 52] for week in range(12)]
NAMES = ("support_tickets", "breast_masses", "co2_levels", "flower_groups")


class Models:
    """A model server that keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[np.ndarray] = []

    async def infer(self, release_id: str, tensor: np.ndarray, *, task: str = "classification", **_: Any) -> Answer:
        self.sent.append(tensor)
        n = len(tensor)
        if task == "regression":
            return Answer([], np.empty((n, 0)), {"VALUE": np.full((n, 1), 371.23, np.float32)})
        if task == "clustering":
            shares = np.tile(np.array([[0.2, 0.7, 0.1]], np.float32), (n, 1))
            return Answer([], np.empty((n, 0)), {"LABEL": np.ones((n, 1), np.int32), "MEMBERSHIPS": shares})
        classes = len(load_project(release_id.rpartition("-")[0]).classes)
        return Answer([1] * n, np.full((n, classes), 1 / classes, np.float32))

    async def live(self) -> str | None:
        return None

    async def close(self) -> None:
        """Nothing to close."""


class Made:
    """The application over the shipped projects."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(prediction_log=folder / "log", max_request_rows=4, max_request_bytes=5000, route_refresh_s=60)
        at = datetime(2026, 1, 1, tzinfo=UTC)
        routes = [Route(n, "production", f"{n}-r1", "sha256:1", {"name": n, "version": "1"}, 1, at) for n in NAMES]
        self.app = create_app(self.settings, lambda: routes)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://ap")
        self.models = Models()

    async def ask(self, name: str, status: int = 200, path: str = "infer", **body: Any) -> Any:
        response = await self.http.post(f"/v1/projects/{name}/{path}", content=orjson.dumps(body))
        assert response.status_code == status, response.text
        return response.json() if status == 200 else response.json()["error"]

    def logged(self, name: str) -> list[dict[str, Any]]:
        return [record for record, _ in read(self.settings.prediction_log, name)]


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    found = Made(tmp_path)
    async with found.app.router.lifespan_context(found.app):
        await found.app.state.service.models.close()
        found.app.state.service.models = found.models
        yield found
        await found.http.aclose()


async def test_a_text_reaches_the_model_server_and_the_log_as_it_is(made: Made) -> None:
    answer = await made.ask("support_tickets", input=TICKET)
    assert answer["prediction"]["label"] == "refund" and len(answer["prediction"]["probabilities"]) == 5
    assert made.models.sent[0].tolist() == [[TICKET.encode()]] and made.models.sent[0].dtype == object
    record = made.logged("support_tickets")[0]
    assert record["inputs"] == [TICKET] and record["labels"] == ["refund"] and record["n"] == 1


async def test_a_row_reaches_them_as_rounds_hold_it(made: Made) -> None:
    turned = dict(reversed(MASS.items()))
    del turned["texture"]
    await made.ask("breast_masses", inputs=[MASS, turned])
    form = load_project("breast_masses").data.content
    wanted = forms.encode(MASS, form)
    assert made.models.sent[0].tolist() == [[wanted], [wanted]] and forms.check(wanted, form) is None
    assert made.logged("breast_masses")[0]["inputs"] == [orjson.loads(wanted)] * 2
    assert made.logged("breast_masses")[0]["inputs"][0]["measured_at"] == "2026-01-05T09:00:00.000000+00:00"


async def test_a_number_and_a_cluster_are_answered_and_kept(made: Made) -> None:
    assert (await made.ask("co2_levels", input=WINDOW))["prediction"] == {"value": 371.23}
    assert made.models.sent[0].dtype == np.float32
    assert made.logged("co2_levels")[0]["predictions"] == [{"value": 371.23}]
    form = load_project("flower_groups").data.content
    assert isinstance(form, TableContent)
    row = dict.fromkeys(form.columns)
    answer = await made.ask("flower_groups", input=row)
    assert answer["prediction"] == {"cluster": 1, "memberships": [0.2, 0.7, 0.1]}


@pytest.mark.parametrize(
    ("change", "code", "field", "says", "advice"),
    [
        ({"radius": "14.1"}, "wrong_type", "radius", "row 1: column radius must be a number or null, not a text", "3 to 40"),
        ({"radius": True}, "wrong_type", "radius", "not true or false", "number"),
        ({"radius": [1]}, "wrong_type", "radius", "not a list", "number"),
        ({"radius": 41}, "out_of_range", "radius", "is 41, outside of 3 to 40", "null where it is missing"),
        ({"laboratory": "Soul"}, "unknown_choice", "laboratory", "did you mean 'Seoul'?", "one of Seoul, Busan, Madison"),
        ({"laboratory": 3}, "wrong_type", "laboratory", "must be a text or null, not a number", "Seoul"),
        ({"measured_at": "gestern"}, "not_a_time", "measured_at", "ISO 8601", "2026-01-05"),
        ({"measured_at": 7}, "wrong_type", "measured_at", "not a number", "2026-01-05"),
        ({"raduis": 3}, "unknown_column", "raduis", "there is no column 'raduis'", "did you mean radius?"),
        ({"patient": 7}, "wrong_type", "patient", "must be a text", "null"),
        ({"patient": "a\ud800"}, "bad_value", None, "a value in patient is no text", "columns"),
    ],
)
async def test_a_wrong_cell_is_named_by_row_and_column(
    made: Made, change: dict[str, Any], code: str, field: str | None, says: str, advice: str
) -> None:
    import json

    body = json.dumps({"inputs": [MASS, {**MASS, **change}]})
    response = await made.http.post("/v1/projects/breast_masses/infer", content=body)
    error = response.json()["error"]
    place = f"inputs[1].{field}" if field else "inputs[1]"
    assert (response.status_code, error["code"], error["field"], error["row"]) == (422, code, place, 1), error
    assert says in error["message"] and advice in error["what_to_do"]
    assert made.models.sent == [] and made.logged("breast_masses") == []


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999"])
async def test_numbers_that_json_does_not_have_are_named_in_tables_too(made: Made, literal: str) -> None:
    body = orjson.dumps({"input": {**MASS, "radius": "HERE"}}).replace(b'"HERE"', literal.encode())
    response = await made.http.post("/v1/projects/breast_masses/infer", content=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["field"]) == (422, "not_a_number", "input.radius")


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        ("가나다", "text_length", "3 characters, wanted 5 to 2000"),
        ("x" * 2001, "text_length", "2001 characters"),
        ("12345\0", "bad_text", "NUL"),
        (7, "not_a_text", "must be a text, not a number"),
        (None, "not_a_text", "not null"),
        ({"text": TICKET}, "not_a_text", "not an object"),
    ],
)
async def test_a_wrong_text_is_named(made: Made, value: Any, code: str, says: str) -> None:
    error = await made.ask("support_tickets", 422, inputs=[TICKET, value])
    assert (error["code"], error["field"], error["row"]) == (code, "inputs[1]", 1)
    assert says in error["message"] and "a text of 5 to 2000 characters" in error["what_to_do"]


async def test_rows_and_bytes_are_limited_for_every_kind(made: Made) -> None:
    assert "at most 4" in (await made.ask("support_tickets", 413, inputs=[TICKET] * 5))["message"]
    assert "5000 bytes" in (await made.ask("support_tickets", 413, inputs=["가" * 1900]))["message"]
    assert (await made.ask("breast_masses", 422, input=[1]))["code"] == "not_a_row"
    assert (await made.ask("breast_masses", 422, inputs=MASS))["field"] == "inputs"


async def test_the_form_is_described_and_its_example_is_taken(made: Made) -> None:
    for name, kind in zip(NAMES, ("text", "table", "array", "table"), strict=True):
        status = (await made.http.get(f"/v1/projects/{name}")).json()
        assert status["input"]["kind"] == kind and status["task"] == load_project(name).task
        await made.ask(name, input=status["input"]["example"])
        prediction = (await made.ask(name, inputs=[status["input"]["example"]]))["predictions"][0]
        assert set(prediction) == set(status["prediction"]["required"])
    schema = (await made.http.get("/openapi.json")).json()
    content = schema["paths"]["/v1/projects/{project}/infer"]["post"]["requestBody"]["content"]["application/json"]
    assert {"$ref": "#/components/schemas/Request_breast_masses"} in content["schema"]["anyOf"]
    columns = schema["components"]["schemas"]["Request_breast_masses"]["properties"]["input"]
    assert columns["properties"]["laboratory"]["enum"] == ["Seoul", "Busan", "Madison", None]
    assert columns["properties"]["radius"]["maximum"] == 40 and columns["additionalProperties"] is False
    assert "shelf_photos" not in str(content["examples"]) and "support_tickets (text)" in content["examples"]


async def test_truths_of_a_regression_are_numbers(made: Made) -> None:
    await made.ask("co2_levels", request_id="w1", inputs=[WINDOW, WINDOW])
    told = [{"request_id": "w1", "labels": [371.2, "3.7e2"]}]
    assert await made.ask("co2_levels", path="truths", truths=told) == {"kept": 1}
    assert truths(made.settings.prediction_log, "co2_levels") == {"w1": ["371.2", "3.7e2"]}
    for wrong in ("many", True, None, "nan"):
        error = await made.ask("co2_levels", 422, path="truths", truths=[{"request_id": "w1", "labels": [wrong]}])
        assert error["field"] == "truths[0].labels[0]" and "371.2" in error["what_to_do"]


async def test_operating_rounds_are_collected_from_what_was_asked(made: Made) -> None:
    await made.ask("support_tickets", request_id="t", inputs=[TICKET, "where is my refund"])
    await made.ask("breast_masses", request_id="m", input=MASS)
    await made.ask("co2_levels", request_id="w", input=WINDOW)
    answers = {"support_tickets": ["delivery", "refund"], "breast_masses": ["benign"], "co2_levels": ["371"]}
    keys = {"support_tickets": "t", "breast_masses": "m", "co2_levels": "w"}
    for name, labels in answers.items():
        await made.ask(name, path="truths", truths=[{"request_id": keys[name], "labels": labels}])
        project, skipped = load_project(name), Counter[str]()
        end = end_cursor(made.settings.prediction_log, name)
        found = list(_items(made.settings, project, None, end, set(), skipped))
        assert [item.label for item in found] == labels and not skipped
        assert [forms.check(item.content, project.data.content) for item in found] == [None] * len(labels)
        sent = made.models.sent.pop(0)
        assert [item.content for item in found] == ([row.tobytes() for row in sent] if sent.dtype != object else list(sent[:, 0]))


async def test_what_was_asked_is_counted_in_the_references_bins(made: Made) -> None:
    """Items of a part and the same ones out of the log give the same sketch."""
    examples: dict[str, list[Any]] = {
        "support_tickets": [f"{TICKET} {number}" for number in range(24)],
        "breast_masses": [{**MASS, "texture": 20.0, "radius": 5.0 + number} for number in range(24)],
        "co2_levels": [[[320 + number, week / 52] for week in range(12)] for number in range(24)],
    }
    for name, rows in examples.items():
        project = load_project(name)
        for start in range(0, 24, 4):
            await made.ask(name, inputs=rows[start : start + 4])
        contents = [forms.encode(row, project.data.content) for row in rows]
        part = forms.decode(contents, project.data.content)
        outputs = np.full(24, 371.23, np.float32) if project.task == "regression" else np.full((24, len(project.classes)), 1.0)
        outputs = outputs if project.task == "regression" else outputs / len(project.classes)
        reference = reference_sketch(project, part, np.ones(24, int), outputs)
        logged = together([rows_of(project, record) for record in made.logged(name)])
        window = window_sketch(reference, project, logged.contents, logged.labels, logged.confidence, logged.names, logged.said)
        assert window.counts.tolist() == reference.counts.tolist() and window.labels.tolist() == reference.labels.tolist()
        assert window.rows == 24 and ("value" in reference.features) == (project.task == "regression")
        if project.data.content.kind == "table":
            served = read_values(contents, project.data.content.model_dump(mode="json"))
            assert logged.contents["radius"].tolist() == served["radius"].tolist()


def test_an_image_comes_as_base64_and_is_looked_at() -> None:
    import base64
    import io

    from PIL import Image

    from include.inference.errors import ApiError
    from include.inference.requests import parse_inference

    file = io.BytesIO()
    Image.new("RGB", (100, 80), (200, 10, 10)).save(file, "PNG")
    project = load_project("shelf_photos")
    text = base64.b64encode(file.getvalue()).decode()
    request = parse_inference(orjson.dumps({"input": text}), project, 4)
    assert request.tensor.tolist() == [[file.getvalue()]] and request.inputs == [text]
    broken = base64.b64encode(file.getvalue()[:100]).decode()
    for value, code in (("not base64!", "not_base64"), (broken, "bad_file"), (7, "not_a_text")):
        with pytest.raises(ApiError) as caught:
            parse_inference(orjson.dumps({"inputs": [text, value]}), project, 4)
        assert (caught.value.code, caught.value.field, caught.value.row) == (code, "inputs[1]", 1)
