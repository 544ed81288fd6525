"""The shapes that /docs shows."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from include.inference.requests import REQUEST_ID_LENGTH

IMAGE = [
    [0, 0, 5, 13, 9, 1, 0, 0],
    [0, 0, 13, 15, 10, 15, 5, 0],
    [0, 3, 15, 2, 0, 11, 8, 0],
    [0, 4, 12, 0, 0, 8, 8, 0],
    [0, 5, 8, 0, 0, 9, 8, 0],
    [0, 4, 11, 0, 1, 12, 7, 0],
    [0, 2, 14, 5, 10, 12, 0, 0],
    [0, 0, 6, 13, 10, 0, 0, 0],
]

REQUEST_ID = Field(
    None,
    min_length=1,
    max_length=REQUEST_ID_LENGTH,
    description="Names the request in the prediction log and in truths; one is made where none is given. Repeating one is "
    "allowed: it is answered and logged again, and the last record counts.",
)


class InferenceBody(BaseModel):
    """One row as ``input``, or several as ``inputs``; the project's status has the schema and an example of a row."""

    model_config = ConfigDict(extra="forbid")

    request_id: str | None = REQUEST_ID
    input: Any = Field(
        None,
        description="One row: nested lists of the project's shape, a text, an object with the project's columns (null where a "
        "value is missing), or the base64 text of an image's file.",
    )
    inputs: list[Any] | None = Field(None, description="Several rows.")


class Prediction(BaseModel):
    """The answer for one row, by the project's task: label and probabilities, or value, ..."""

    label: str | None = Field(None, description="The class.", examples=["0"])
    probability: float | None = Field(None, description="Of that class.", examples=[0.98])
    probabilities: dict[str, float] | None = Field(None, description="Of each class.")
    value: float | None = Field(None, description="Of a regression.", examples=[371.2])
    cluster: int | None = Field(None, description="Of a clustering, with ``memberships`` in all clusters.")
    memberships: list[float] | None = None
    vector: list[float] | None = Field(None, description="Of a reduction.")
    action: int | None = Field(None, description="Of control, with ``values`` of all actions.")
    values: list[float] | None = None
    output: list[float] | None = Field(None, description="Of any other task.")


class InferenceAnswer(BaseModel):
    """All predictions of one answer come from the one release that it names."""

    request_id: str
    release_id: str = Field(examples=["digits-r0001"])
    model: dict[str, Any] = Field(description="Registered model and its version.", examples=[{"name": "digits", "version": "1"}])
    prediction: Prediction | None = Field(None, description="Same as the first of predictions; only for input.")
    predictions: list[Prediction]
    duration_ms: float


class Truth(BaseModel):
    """The true labels of one earlier request, one a row: class names, or numbers of a regression."""

    model_config = ConfigDict(extra="forbid")

    request_id: str = Field(examples=["scan-4711"])
    labels: list[str | float] = Field(examples=[["3"]])


class TruthsBody(BaseModel):
    """Late true answers; of several for one request the last counts."""

    model_config = ConfigDict(extra="forbid")

    truths: list[Truth] = Field(min_length=1)


class TruthsAnswer(BaseModel):
    """How many were kept."""

    kept: int


class FeaturesBody(BaseModel):
    """Entities, each by the keys of the view."""

    model_config = ConfigDict(extra="forbid")

    entities: list[dict[str, Any]] = Field(min_length=1, examples=[[{"customer": "김철수"}]])


class EntityFeatures(BaseModel):
    """The newest features of one entity."""

    entity: dict[str, Any] = Field(examples=[{"customer": "김철수"}])
    found: bool
    features: dict[str, Any] | None = Field(description="By name; null where nothing is known of the entity.")
    event_at: str | None = Field(description="Since when they hold.")
    age_s: float | None
    stale: bool = Field(description="Older than the view's time to live, or not found.")
    definition: str = Field(description="Digest of the view's definition that they were computed by.")
    version: str = Field(description="The newest data version that was brought online.", examples=["v3"])


class OneFeaturesAnswer(EntityFeatures):
    """The newest features of the entity that was asked for."""

    project: str
    view: str


class FeaturesAnswer(BaseModel):
    """The newest features of the entities, in the order of the request."""

    project: str
    view: str
    entities: list[EntityFeatures]


class ErrorDetail(BaseModel):
    """What is wrong and what to do."""

    code: str = Field(examples=["out_of_range"])
    message: str = Field(examples=["row 0: input[0][7] is 99, outside of 0 to 16"])
    what_to_do: str
    field: str | None = Field(None, description="Place in the request.", examples=["input[0][7]"])
    row: int | None = Field(None, description="Row of the request, from 0.")


class ErrorAnswer(BaseModel):
    """Every answer above 399."""

    error: ErrorDetail


EXAMPLES = {
    "one row": {"value": {"request_id": "scan-4711", "input": IMAGE}},
    "several rows": {"value": {"inputs": [IMAGE, IMAGE]}},
}
FEATURES_EXAMPLES = {"two entities": {"value": {"entities": [{"customer": "김철수"}, {"customer": "이영희"}]}}}
TRUTHS_EXAMPLES = {"one request": {"value": {"truths": [{"request_id": "scan-4711", "labels": ["0"]}]}}}
