"""What /docs says of the routes that FastAPI does not handle itself."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from include.inference.form import example, schemas, served
from include.inference.routes import ROUTES
from include.inference.schemas import (
    EXAMPLES,
    FEATURES_EXAMPLES,
    TRUTHS_EXAMPLES,
    EntityFeatures,
    ErrorAnswer,
    FeaturesAnswer,
    FeaturesBody,
    InferenceAnswer,
    InferenceBody,
    OneFeaturesAnswer,
    TruthsAnswer,
    TruthsBody,
)
from include.projects import Project

INFER = "/v1/projects/{project}/infer"
INFER_ROUTE = "/v1/projects/{project}/routes/{route}/infer"
TRUTHS = "/v1/projects/{project}/truths"
FEATURES = "/v1/projects/{project}/features/{view}"

ERRORS = {
    404: "no such project, route, feature view or entity",
    413: "too many rows or bytes",
    422: "the request is wrong; field and row say where",
    502: "the release failed",
    503: "no release, model server, prediction log or free place now; see Retry-After",
    504: "the model server gave no answer in time",
}


def described(app: FastAPI, projects: Iterable[Project] = ()) -> dict[str, Any]:
    """Return the application's OpenAPI description: what all projects have in common, and the form of each.

    Args:
        app: the application; what does not depend on projects is made once.
        projects: those that are served now.
    """
    if not app.openapi_schema:
        app.openapi_schema = _common(app)
    common = app.openapi_schema
    found = [project for project in projects if served(project)]
    if not found:
        return common
    forms = {name: schema for project in found for name, schema in schemas(project).items()}
    requests = [{"$ref": f"#/components/schemas/Request_{project.name}"} for project in found]
    examples = {
        f"{project.name} ({project.data.content.kind})": {"summary": project.title, "value": {"input": example(project)}}
        for project in found
        if example(project) is not None
    }
    paths = dict(common["paths"])
    for path in (INFER, INFER_ROUTE):
        operation = copy.deepcopy(paths[path])
        content = operation["post"]["requestBody"]["content"]["application/json"]
        content["schema"] = {"anyOf": [content["schema"], *requests]}
        content["examples"] = {**content["examples"], **examples}
        operation["post"]["parameters"][0]["schema"]["enum"] = [project.name for project in found]
        paths[path] = operation
    components = {**common["components"], "schemas": {**common["components"]["schemas"], **forms}}
    return {**common, "paths": paths, "components": components}


def _common(app: FastAPI) -> dict[str, Any]:
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
    features = (
        "Look up features",
        "The newest features of entities by the keys of a view, with their age; of entities that are not known too.",
    )
    schema["paths"] = {
        INFER: _post(*infer, ["project"], InferenceBody, InferenceAnswer, EXAMPLES),
        INFER_ROUTE: _post(*staging, ["project", "route"], InferenceBody, InferenceAnswer, EXAMPLES),
        TRUTHS: _post(*truths, ["project"], TruthsBody, TruthsAnswer, TRUTHS_EXAMPLES),
        FEATURES: _get_one() | _post(*features, ["project", "view"], FeaturesBody, FeaturesAnswer, FEATURES_EXAMPLES),
        **schema["paths"],
    }
    models: list[type[BaseModel]] = [InferenceBody, InferenceAnswer, TruthsBody, TruthsAnswer, ErrorAnswer]
    models += [FeaturesBody, EntityFeatures, OneFeaturesAnswer, FeaturesAnswer]
    _, definitions = models_json_schema([(m, "validation") for m in models], ref_template="#/components/schemas/{model}")
    schema.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
    return schema


def _post(summary: str, text: str, names: list[str], body: type, answer: type, examples: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "tags": ["inference"],
            "summary": summary,
            "description": text,
            "parameters": _names(names),
            "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(body), "examples": examples}}},
            "responses": {
                "200": _answer("answered", answer),
                **{str(status): _answer(meaning, ErrorAnswer) for status, meaning in ERRORS.items()},
            },
        }
    }


def _get_one() -> dict[str, Any]:
    keys = {"type": "object", "additionalProperties": {"type": "string"}, "example": {"customer": "김철수"}}
    query = {"name": "keys", "in": "query", "required": True, "style": "form", "explode": True, "schema": keys}
    return {
        "get": {
            "tags": ["inference"],
            "summary": "Look up the features of one entity",
            "description": "Each key of the view is a parameter. 404 where nothing is known of the entity.",
            "parameters": [*_names(["project", "view"]), query],
            "responses": {
                "200": _answer("found", OneFeaturesAnswer),
                **{str(status): _answer(ERRORS[status], ErrorAnswer) for status in (404, 422, 503)},
            },
        }
    }


def _names(names: list[str]) -> list[dict[str, Any]]:
    choices = {
        "project": {"type": "string", "example": "digits"},
        "route": {"type": "string", "enum": list(ROUTES)},
        "view": {"type": "string", "description": "A feature view of the project."},
    }
    return [{"name": name, "in": "path", "required": True, "schema": choices[name]} for name in names]


def _answer(meaning: str, model: type) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": _ref(model)}}}


def _ref(model: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
