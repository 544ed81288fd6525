from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from include.clients.inference import InferenceClient
from include.clients.mlflow import mlflow_client
from include.projects import Project, load_project
from include.release.errors import ReleaseError
from include.release.package import build_package
from include.release.reports import read_report, start_release_run
from include.release.staging import send_rows, staging_test
from include.training import model_info, state_history
from tests.include.training.registry import version as registered


class Ap:
    """An AP that answers with the first pixel, and now and then wrongly, late, or from another release."""

    def __init__(self, wrong: int = 0, slow: int = 0, stranger: int = 0) -> None:
        self.wrong, self.slow, self.stranger, self.asked = wrong, slow, stranger, 0

    def infer(self, project: str, inputs: list[Any], route: str = "production", **more: Any) -> dict[str, Any]:
        assert (project, route, len(inputs)) == ("digits", "staging", 1) and isinstance(inputs[0], list)
        self.asked += 1
        n = self.asked - 10  # after the warm-up
        if 0 < n <= self.slow:
            time.sleep(0.03)
        label = str((inputs[0][0][0] + (0 < n <= self.wrong)) % 10)
        release = "digits-r0009" if 0 < n <= self.stranger else "digits-r0001"
        return {"release_id": release, "predictions": [{"label": label}]}


@pytest.fixture
def project() -> Project:
    project = load_project("digits")
    return project.model_copy(
        update={"release": project.release.model_copy(update={"staging_min_accuracy": 0.95, "staging_max_p99_ms": 25})}
    )


def ask(project: Project, ap: Ap) -> dict[str, Any]:
    labels = np.arange(100) % 10
    contents = np.zeros((100, 8, 8), np.uint8)
    contents[:, 0, 0] = labels
    return send_rows(ap, project, "digits-r0001", contents, labels)  # type: ignore[arg-type]


def test_good_release_passes(project: Project) -> None:
    ap = Ap(wrong=5, slow=1)
    report = ask(project, ap)
    assert report["ok"] and report["problems"] == [] and report["rows"] == 100 and report["accuracy"] == 0.95
    assert 0 < report["p50_ms"] < report["p99_ms"] < 25
    assert ap.asked == 110


def test_wrong_answers_fail(project: Project) -> None:
    assert ask(project, Ap(wrong=6))["problems"] == ["accuracy 0.9400 of 100 rows, wanted at least 0.95"]


def test_slow_answers_fail(project: Project) -> None:
    report = ask(project, Ap(slow=2))
    assert not report["ok"] and report["problems"][0].startswith("p99 3") and report["p50_ms"] < 25


def test_answers_of_another_release_fail(project: Project) -> None:
    assert "3 of 100 answers came from another release" in ask(project, Ap(stranger=3))["problems"][0]


@pytest.mark.integration
def test_release_is_tried_through_the_real_ap(
    inference_ap: Any, mlflow_server: Any, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through ledger, AP, Triton and back; production is not touched."""
    settings = inference_ap.settings.model_copy(update={"mlflow_url": mlflow_server.url})
    project = load_project("digits")
    model, other = ({"name": "digits", "version": registered(settings, project), "run_id": "r", "data": {}} for _ in range(2))
    for one in (model, other):
        mlflow_client(settings).set_model_version_tag("digits", one["version"], "confirmed", "true")
    monkeypatch.setattr(
        "include.data.load_part", lambda *_: SimpleNamespace(contents=trained.contents[:120], labels=trained.labels[:120])
    )
    pieces: dict[str, Any] = {"onnx": trained.onnx, "precision": "fp32", "model": model, "reference_sketch": b"{}"}
    release_id = inference_ap.ledger.open_release("digits", "staging-test", ["developer"], model).id
    build_package(settings.model_repository, project, release_id, **pieces)
    run_id = start_release_run(settings, project, release_id, model)
    inference_ap.deploy(inference_ap.release(3))
    before = inference_ap.ledger.route("digits", "production")

    loose = project.model_copy(update={"release": project.release.model_copy(update={"staging_min_accuracy": 0.8})})
    report = staging_test(settings, loose, release_id, model, run_id, by="developer")
    assert report["ok"] and report["rows"] == 120 and report["switch_s"] < 1
    with InferenceClient(settings) as client:
        answers = client.infer("digits", trained.contents[:120], route="staging")
    assert answers["release_id"] == release_id
    right = [a["label"] == str(label) for a, label in zip(answers["predictions"], trained.labels[:120], strict=True)]
    assert report["accuracy"] == sum(right) / 120
    assert inference_ap.ledger.route("digits", "production") == before
    assert read_report(settings, run_id, "staging") == report
    last = state_history(settings, project, model["version"])[-1]
    assert (last["was"], last["state"], last["by"]) == ("training", "dev_deployed", "developer")
    assert last["why"] == f"the staging test of {release_id} passed"

    strict = project.model_copy(update={"release": project.release.model_copy(update={"staging_min_accuracy": 1.0})})
    with pytest.raises(ReleaseError, match=r"of 120 rows, wanted at least 1\.0"):
        staging_test(settings, strict, release_id, other, run_id)
    assert model_info(settings, project, other["version"])["state"] == "training"
    kept = read_report(settings, run_id, "staging")
    assert kept is not None and kept["ok"] is False
