"""The steps of a release one after the other, on the real MLflow and Triton: optimise, package, check, parity."""

from __future__ import annotations

import io
import json
import math
import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from include.clients.mlflow import ensure_experiment, log_file, mlflow_client, read_file
from include.clients.triton import TritonClient
from include.management import NotReleased, archive, code_of
from include.projects import Project, load_project
from include.release import reports
from include.release.digest import tree
from include.release.errors import ReleaseError
from include.release.optimise import optimise
from include.release.package import ARCHIVE, package
from include.release.parity import parity
from include.release.static_checks import static_checks
from include.settings import Settings

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Part:
    contents: np.ndarray
    labels: np.ndarray


@dataclass
class Making:
    """A release in the making; ``parts`` stands in for the data repository."""

    settings: Settings
    project: Project
    model: dict[str, Any]
    release_id: str
    run_id: str


@pytest.fixture(scope="module")
def registered(mlflow_server: Any, trained: Any) -> dict[str, Any]:
    """The trained network as a registered model, as training leaves it."""
    import torch

    settings = Settings(mlflow_url=mlflow_server.url)
    client = mlflow_client(settings)
    run = client.create_run(ensure_experiment(client, "digits/training"))
    weights = io.BytesIO()
    torch.save(trained.module.state_dict(), weights)
    log_file(client, run.info.run_id, "model/state_dict.pt", weights.getvalue())
    log_file(client, run.info.run_id, "model/params.json", b'{"channels": 16, "hidden": 64, "dropout": 0.0}')
    log_file(client, run.info.run_id, "reference_sketch.json", b'{"rows": 500}')
    log_file(client, run.info.run_id, ARCHIVE, archive(load_project("digits")) or b"")
    client.set_terminated(run.info.run_id)
    try:
        client.create_registered_model("digits")
    except Exception:  # other tests may have made it
        assert client.get_registered_model("digits")
    version = client.create_model_version("digits", f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    code = code_of(load_project("digits")).digest
    return {
        "name": "digits",
        "version": str(version.version),
        "run_id": run.info.run_id,
        "data": {"version": "v1"},
        "code": code,
    }


@pytest.fixture
def making(
    registered: dict[str, Any],
    mlflow_server: Any,
    triton_server: Any,
    trained: Any,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Making:
    parts = {
        "train": Part((trained.calibration[:, 0] * 16).astype(np.uint8), np.zeros(512, np.int64)),
        "test": Part(trained.contents, trained.labels),
    }
    monkeypatch.setattr("include.data.load_part", lambda settings, project, split, part: parts[part])
    monkeypatch.setattr("include.release.optimise.SLOWER_LIMIT", math.inf)  # processors differ in how fast they run int8
    settings = triton_server.settings(mlflow_url=mlflow_server.url)
    project = load_project("digits")
    release_id = f"digits-r8{len(request.node.name):03d}"
    run_id = reports.start_release_run(settings, project, release_id, registered)
    return Making(settings, project, registered, release_id, run_id)


def everything(made: Making) -> dict[str, Any]:
    static_checks(made.settings, made.project, made.release_id, made.run_id)
    optimise(made.settings, made.project, made.model, made.run_id)
    package(made.settings, made.project, made.release_id, made.model, made.run_id)
    return parity(made.settings, made.project, made.release_id, made.model, made.run_id)


def test_all_ways_of_running_the_model_agree(making: Making) -> None:
    report = everything(making)
    assert report["ok"] and report["rows"] == 500 and report["chosen"] == "int8"
    assert report["pairs"]["trained_fp32"]["max_abs_diff"] < 1e-4
    assert report["pairs"]["chosen_triton"]["max_abs_diff"] < 1e-5
    assert set(report["accuracy"]) == {"trained", "fp32", "chosen", "triton"} and min(report["accuracy"].values()) > 0.85
    client = mlflow_client(making.settings)
    names = {"reports/optimise.json", "reports/parity.json", "reports/static_checks.json"}
    assert {f.path for f in client.list_artifacts(making.run_id, "reports")} == names
    assert {f.path for f in client.list_artifacts(making.run_id, "onnx")} == {"onnx/model.fp32.onnx", "onnx/model.int8.onnx"}
    assert read_file(client, making.run_id, "plots/optimise.png").startswith(b"\x89PNG")
    assert json.loads(read_file(client, making.run_id, "reports/parity.json")) == report
    assert client.get_run(making.run_id).data.metrics["parity.rows"] == 500
    folder = making.settings.model_repository / making.release_id
    assert json.loads((folder / "release.json").read_text())["model"] == {
        name: value for name, value in making.model.items() if name != "code"
    }
    assert (folder / "code" / "digits" / "features.py").is_file()
    with pytest.raises(NotReleased, match="the package was altered"):
        package(making.settings, making.project, making.release_id, {**making.model, "code": "sha256:0"}, making.run_id)
    with TritonClient(making.settings) as triton:
        assert not triton.ready(making.release_id)  # as it was found


def test_running_a_step_again_gives_the_same_release(making: Making) -> None:
    everything(making)
    folder = making.settings.model_repository / making.release_id
    first, report = tree(folder), reports.read_report(making.settings, making.run_id, "optimise")
    assert reports.start_release_run(making.settings, making.project, making.release_id, making.model) == making.run_id
    shutil.rmtree(making.settings.home / "releases" / making.run_id)
    assert optimise(making.settings, making.project, making.model, making.run_id) == report
    assert not (making.settings.home / "releases" / making.run_id).exists()
    everything(making)
    assert tree(folder) == first


def test_exchanged_onnx_file_stops_the_release(making: Making) -> None:
    optimise(making.settings, making.project, making.model, making.run_id)
    client = mlflow_client(making.settings)
    good = read_file(client, making.run_id, "onnx/model.int8.onnx")
    log_file(client, making.run_id, "onnx/model.int8.onnx", good + b"\0")
    with pytest.raises(ReleaseError, match="not the one that was measured"):
        package(making.settings, making.project, making.release_id, making.model, making.run_id)
    assert not (making.settings.model_repository / making.release_id).exists()


def test_steps_say_which_one_is_missing(making: Making) -> None:
    with pytest.raises(ReleaseError, match="run the optimise task"):
        package(making.settings, making.project, making.release_id, making.model, making.run_id)
    with pytest.raises(ReleaseError, match="run the optimise task"):
        parity(making.settings, making.project, making.release_id, making.model, making.run_id)
    optimise(making.settings, making.project, making.model, making.run_id)
    with pytest.raises(ReleaseError, match="build the package first"):
        parity(making.settings, making.project, making.release_id, making.model, making.run_id)


def test_release_whose_serving_answers_otherwise_is_refused_and_the_report_kept(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(making)

    def upset(model: Any, inputs: np.ndarray) -> np.ndarray:
        return np.eye(10, dtype=np.float32)[np.arange(len(inputs)) % 10]

    monkeypatch.setattr("include.training.loop.Trained.predict", upset)
    with pytest.raises(ReleaseError, match="trained and fp32: probabilities differ") as caught:
        parity(making.settings, making.project, making.release_id, making.model, making.run_id)
    kept = reports.read_report(making.settings, making.run_id, "parity")
    assert kept == caught.value.report and kept is not None and not kept["ok"]
