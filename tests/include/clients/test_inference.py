"""The client of the inference AP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from include.clients.inference import InferenceClient, InferenceError
from include.inference import joined
from include.settings import Settings

if TYPE_CHECKING:
    from tests.fixtures.inference import InferenceAP


def test_nobody_there(free_port) -> None:
    settings = Settings(inference_url=f"http://127.0.0.1:{free_port()}", inference_admin_token="a-secret")
    with InferenceClient(settings, timeout_s=1) as client, pytest.raises(InferenceError) as caught:
        client.refresh()
    assert (caught.value.status, caught.value.code) == (0, "unreachable")
    assert settings.inference_url in str(caught.value) and "a-secret" not in str(caught.value)
    assert "DEVMLOPS_INFERENCE_URL" in caught.value.what_to_do


@pytest.mark.integration
def test_the_whole_face(inference_ap: InferenceAP) -> None:
    images = np.arange(128, dtype=np.uint8).reshape(2, 8, 8) % 12
    with inference_ap.client() as client:
        with pytest.raises(InferenceError) as caught:
            client.infer("digits", images)
        assert (caught.value.status, caught.value.code) == (503, "no_release")

        first, second = inference_ap.release(3), inference_ap.release(8)
        inference_ap.deploy(first)
        inference_ap.deploy(second, "staging")
        answer = client.infer("digits", images, request_id="묶음 1")
        assert (answer["release_id"], answer["request_id"]) == (first, "묶음 1")
        assert [p["label"] for p in answer["predictions"]] == ["3", "3"]
        assert client.infer("digits", images.tolist(), route="staging")["predictions"][0]["label"] == "8"

        assert client.truths("digits", {"묶음 1": ["4", "3"]}) == 1
        found = {record["id"]: (record, labels) for record, labels in joined(inference_ap.settings.prediction_log, "digits")}
        record, labels = found["묶음 1"]
        assert record["inputs"] == images.tolist() and labels == ["4", "3"]

        status = client.status("digits")
        assert {entry["route"]: entry["release_id"] for entry in status["routes"]} == {"production": first, "staging": second}
        assert client.ready()["ready"] and client.refresh()["changed"] is False

        with pytest.raises(InferenceError) as caught:
            client.infer("digits", [[[99] * 8] * 8])
        assert (caught.value.status, caught.value.code, caught.value.field) == (422, "out_of_range", "inputs[0][0][0]")
        with pytest.raises(InferenceError) as caught:
            client.wait_for_release("digits", "production", second, 0.2)
        assert caught.value.code == "not_switched" and first in caught.value.message
        with pytest.raises(InferenceError) as caught:
            client.wait_for_release("nope", "production", second, 5)
        assert caught.value.status == 404
    stranger = inference_ap.settings.model_copy(update={"inference_admin_token": Settings().inference_admin_token})
    with InferenceClient(stranger) as client, pytest.raises(InferenceError) as caught:
        client.refresh()
    assert caught.value.status == 401
