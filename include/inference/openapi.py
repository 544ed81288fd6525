"""What /docs says of the routes that FastAPI does not handle itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from include.inference.routes import ROUTES
from include.inference.schemas import (
    EXAMPLES,
    TRUTHS_EXAMPLES,
    ErrorAnswer,
    InferenceAnswer,
    InferenceBody,
    TruthsAnswer,
    TruthsBody,
)

INFER = "/v1/projects/{project}/infer"
INFER_ROUTE = "/v1/projects/{project}/routes/{route}/infer"
TRUTHS = "/v1/projects/{project}/truths"

ERRORS = {
    404: "no such project or route",
    413: "too many rows or bytes",
    422: "the request is wrong; field and row say where",
    502: "the release failed",
    503: "no release, model server, prediction log or free place now; see Retry-After",
    504: "the model server gave no answer in time",
}


def described(app: FastAPI) -> dict[str, Any]:
    """Return the application's OpenAPI description, made once."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    infer = (
        "Infer",
        "All predictions of one answer come from the one release that it names. The answer is in the prediction log.",
    )
    staging = ("Infer on a route", "As infer, by the release that is on the named route, such as staging.")
    truths = (
        "Tell true labels",
        "Late true answers of earlier requests, durable; all are kept or none. The last one of a request counts.",
    )
    schema["paths"] = {
        INFER: _post(*infer, ["project"], InferenceBody, InferenceAnswer, EXAMPLES),
        INFER_ROUTE: _post(*staging, ["project", "route"], InferenceBody, InferenceAnswer, EXAMPLES),
        TRUTHS: _post(*truths, ["project"], TruthsBody, TruthsAnswer, TRUTHS_EXAMPLES),
        **schema["paths"],
    }
    models: list[type[BaseModel]] = [InferenceBody, InferenceAnswer, TruthsBody, TruthsAnswer, ErrorAnswer]
    _, definitions = models_json_schema([(m, "validation") for m in models], ref_template="#/components/schemas/{model}")
    schema.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
    app.openapi_schema = schema
    return schema


def _post(summary: str, text: str, names: list[str], body: type, answer: type, examples: dict[str, Any]) -> dict[str, Any]:
    choices = {"project": {"type": "string", "example": "digits"}, "route": {"type": "string", "enum": list(ROUTES)}}
    return {
        "post": {
            "tags": ["inference"],
            "summary": summary,
            "description": text,
            "parameters": [{"name": name, "in": "path", "required": True, "schema": choices[name]} for name in names],
            "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(body), "examples": examples}}},
            "responses": {
                "200": _answer("answered", answer),
                **{str(status): _answer(meaning, ErrorAnswer) for status, meaning in ERRORS.items()},
            },
        }
    }


def _answer(meaning: str, model: type) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": _ref(model)}}}


def _ref(model: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
