"""Each kind of machine learning that ships: from the source to a confirmed model, with a small budget."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.clients.mlflow import mlflow_client
from include.training.models import load_model
from include.training.parts import load
from tests.fixtures.learning import Course

pytestmark = pytest.mark.integration

KINDS: dict[str, tuple[int | None, dict[str, Any], int | None, set[str]]] = {  # rows, params, epochs, plots
    "support_tickets": (700, {"learning_rate": 0.006, "layers": 1}, 8, {"confusion_matrix", "slices"}),
    "breast_masses": (None, {"family": "boosting", "depth": 2, "trees": 100, "rate": 0.1}, None, {"roc", "calibration"}),
    "co2_levels": (None, {"learning_rate": 0.015, "hidden": 16, "batch_size": 16}, 25, {"regression"}),
    "flower_groups": (None, {"family": "k_means", "clusters": 2}, None, {"clusters", "silhouette"}),
    "digit_maps": (900, {"family": "autoencoder", "dimensions": 8, "learning_rate": 0.004}, 30, {"map", "scree", "restored"}),
    "pole_balance": (None, {"learning_rate": 0.003, "hidden": 64, "batch_size": 64}, 12, {"returns"}),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_learning(name: str, course: Callable[[str], Course], tmp_path: Path) -> None:
    rows, params, epochs, plots = KINDS[name]
    one = course(name)
    # Static checks start processes that know no project of a test; test_code_checks.py is about them.
    unchecked = one.project.training.code_checks.model_copy(update={"tools": []})
    training = one.project.training.model_copy(update={"code_checks": unchecked})
    one.project = one.project.model_copy(update={"training": training})
    one.prepare(rows)
    run_id = one.train(params, epochs)["run_id"]
    metrics, confirmed = one.judge(run_id)
    assert confirmed["confirmed"] and all(check["ok"] for check in confirmed["checks"])
    assert {"rows", f"baseline_{confirmed['checks'][0]['name']}"} <= set(metrics)
    client = mlflow_client(one.settings)
    kept = {Path(found.path).stem for found in client.list_artifacts(run_id, "plots")}
    assert plots <= kept and any(found.path == "reports/evaluation.html" for found in client.list_artifacts(run_id, "reports"))

    # What is served answers as what was trained.
    import onnxruntime

    fitted = load_model(one.settings, one.project, "confirmed")
    inputs = load(one.settings, one.project, one.split, ("test",))["test"].inputs
    fitted.export(inputs, tmp_path / "model.onnx")
    outputs = np.asarray(onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"input": inputs})[0])
    (*_, served) = one.project.component("postprocess")(outputs).values()
    assert np.allclose(served.reshape(fitted.predict(inputs).shape), fitted.predict(inputs), atol=1e-3)


def test_what_learns_without_labels_is_split_without_any(course: Callable[[str], Course]) -> None:
    one = course("pole_balance")
    split = one.prepare(1500)
    assert one.version["state"] == "refined" and one.version["labelled"] == 0
    parts = load(one.settings, one.project, split, ("train", "test"))
    assert sum(split["counts"].values()) == 1500 and set(parts["train"].labels) == {-1}
    assert not set(parts["train"].contents["episode"]) & set(parts["test"].contents["episode"])
